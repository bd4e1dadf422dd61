package io.github.peft4j;

import com.google.gson.JsonObject;
import java.util.Map;
import java.util.ServiceLoader;
import java.util.Set;
import java.util.TreeMap;
import java.util.TreeSet;

/** The methods on the class path. */
final class PeftMethods {

  private static final Map<String, PeftMethod<?>> BY_TYPE = load();

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

  static PeftMethod<?> ofType(String type) {
    PeftMethod<?> method = BY_TYPE.get(type);
    if (method == null) {
      throw new UnsupportedMethodException(
          "unknown peft_type '" + type + "'; supported: " + BY_TYPE.keySet() + hint());
    }
    return method;
  }

  /**
   * The method of an adapter that AdapterHub's library wrote.
   *
   * @param architecture of its config, which may be empty
   */
  static AdapterHubMethod<?> ofAdapterHub(String architecture, JsonObject config) {
    Set<String> architectures = new TreeSet<>();
    AdapterHubMethod<?> meant = null;
    for (PeftMethod<?> method : BY_TYPE.values()) {
      if (method instanceof AdapterHubMethod<?> hub) {
        architectures.add(hub.architecture());
        meant = hub.architecture().equals(architecture) && hub.means(config) ? hub : meant;
      }
    }
    if (meant == null) {
      throw new UnsupportedMethodException(
          "AdapterHub's architecture '"
              + architecture
              + "' is not supported; supported: "
              + architectures
              + hint());
    }
    return meant;
  }

  @SuppressWarnings("unchecked")
  static <C extends PeftConfig> PeftMethod<C> of(C config) {
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

  /** A method that holds any change of weights up to a rank. */
  static LowRankMethod<?> lowRank() {
    return BY_TYPE.values().stream()
        .filter(LowRankMethod.class::isInstance)
        .findFirst()
        .map(method -> (LowRankMethod<?>) method)
        .orElseThrow(
            () ->
                new UnsupportedMethodException(
                    "no method of " + BY_TYPE.keySet() + " holds a change of low rank" + hint()));
  }

  private static String hint() {
    return BY_TYPE.isEmpty() ? " (is peft-methods on the class path?)" : "";
  }
}
