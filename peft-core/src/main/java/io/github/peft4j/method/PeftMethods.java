package io.github.peft4j.method;

import io.github.peft4j.config.PeftConfig;
import io.github.peft4j.config.UnsupportedMethodException;
import java.util.Map;
import java.util.ServiceLoader;
import java.util.TreeMap;

/** The methods on the class path. */
public final class PeftMethods {

  private static final Map<String, PeftMethod<?>> BY_TYPE = load();

  /** The type of a combination of adapters if none of them is of low rank. */
  private static final String LOW_RANK = "LORA";

  private PeftMethods() {}

  private static Map<String, PeftMethod<?>> load() {
    Map<String, PeftMethod<?>> methods = new TreeMap<>();
    for (PeftMethod<?> method :
        ServiceLoader.load(PeftMethod.class, PeftMethod.class.getClassLoader())) {
      PeftMethod<?> other = methods.putIfAbsent(method.type(), method);
      if (other != null) {
        throw new IllegalStateException(
            "two methods call themselves "
                + method.type()
                + ": "
                + other.getClass().getName()
                + " and "
                + method.getClass().getName()
                + "; take one of them off the class path");
      }
    }
    return methods;
  }

  public static PeftMethod<?> ofType(String type) {
    PeftMethod<?> method = BY_TYPE.get(type);
    if (method == null) {
      throw new UnsupportedMethodException(
          "unknown peft_type '" + type + "'; supported: " + BY_TYPE.keySet() + hint());
    }
    return method;
  }

  @SuppressWarnings("unchecked")
  public static <C extends PeftConfig> PeftMethod<C> of(C config) {
    return (PeftMethod<C>)
        BY_TYPE.values().stream()
            .filter(method -> method.configType() == config.getClass())
            .findFirst()
            .orElseThrow(
                () ->
                    new IllegalArgumentException(
                        "no method takes a "
                            + config.getClass().getName()
                            + "; supported: "
                            + BY_TYPE.keySet()
                            + hint()));
  }

  /** The method that holds combinations of adapters: any change of weights up to a rank. */
  public static LowRankMethod<?> lowRank() {
    if (BY_TYPE.get(LOW_RANK) instanceof LowRankMethod<?> method) {
      return method;
    }
    throw new UnsupportedMethodException(
        "no method of " + BY_TYPE.keySet() + " holds a change of low rank" + hint());
  }

  private static String hint() {
    return BY_TYPE.isEmpty() ? " (is peft-methods on the class path?)" : "";
  }
}
