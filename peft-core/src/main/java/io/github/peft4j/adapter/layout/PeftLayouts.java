package io.github.peft4j.adapter.layout;

import io.github.peft4j.config.PeftConfig;
import io.github.peft4j.method.PeftMethod;
import java.util.Map;
import java.util.ServiceLoader;
import java.util.Set;
import java.util.TreeMap;

/** The layouts on the class path. */
public final class PeftLayouts {

  private static final Map<String, PeftLayout<?>> BY_TYPE = load();

  private PeftLayouts() {}

  private static Map<String, PeftLayout<?>> load() {
    Map<String, PeftLayout<?>> layouts = new TreeMap<>();
    for (PeftLayout<?> layout :
        ServiceLoader.load(PeftLayout.class, PeftLayout.class.getClassLoader())) {
      for (String type : layout.types()) {
        PeftLayout<?> other = layouts.putIfAbsent(type, layout);
        if (other != null) {
          throw new IllegalStateException(
              "two layouts describe the files of "
                  + type
                  + ": "
                  + other.getClass().getName()
                  + " and "
                  + layout.getClass().getName()
                  + "; take one of them off the class path");
        }
      }
    }
    return layouts;
  }

  /** The layout of a method's files. */
  @SuppressWarnings("unchecked") // a layout and the method of its type have the same config
  public static <C extends PeftConfig> PeftLayout<C> of(PeftMethod<C> method) {
    PeftLayout<?> layout = BY_TYPE.get(method.type());
    return layout == null ? new Default<>(method.type()) : (PeftLayout<C>) layout;
  }

  /** The layout of methods without an implementation of their own. */
  private record Default<C extends PeftConfig>(String type) implements PeftLayout<C> {
    @Override
    public Set<String> types() {
      return Set.of(type);
    }
  }
}
