package io.github.peft4j.examples;

import io.github.peft4j.quantization.float8.Float8;
import java.util.List;
import org.jspecify.annotations.Nullable;

/** The option {@code --float8}. */
final class Float8Options {

  private Float8Options() {}

  /** The layout that was asked for, or null. */
  static @Nullable Float8 of(Arguments arguments) {
    if (!arguments.has("float8")) {
      return null;
    }
    String name = arguments.text("float8");
    for (Float8 layout : Float8.values()) {
      if (layout.name().equalsIgnoreCase(name)) {
        return layout;
      }
    }
    throw arguments.error(
        "--float8 is '" + name + "', expected one of " + List.of(Float8.values()));
  }
}
