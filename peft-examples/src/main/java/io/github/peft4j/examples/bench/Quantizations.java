package io.github.peft4j.examples.bench;

import io.github.peft4j.quantization.Quantization;
import io.github.peft4j.quantization.bitsandbytes.Fp4;
import io.github.peft4j.quantization.bitsandbytes.Int8;
import io.github.peft4j.quantization.bitsandbytes.Nf4;
import io.github.peft4j.quantization.float8.Float8;
import java.util.LinkedHashMap;
import java.util.Map;
import org.jspecify.annotations.Nullable;

/** How frozen weights are kept, by the names that programs take. */
public final class Quantizations {

  private static final Map<String, Quantization> ALL = new LinkedHashMap<>();

  static {
    ALL.put("nf4", Nf4.plain());
    ALL.put("nf4-double", Nf4.doubleQuantized());
    ALL.put("fp4", Fp4.plain());
    ALL.put("fp4-double", Fp4.doubleQuantized());
    ALL.put("int8", Int8.BY_ROW);
    ALL.put("float8-two-layouts", Float8.TWO_LAYOUTS);
    ALL.put("float8-one-layout", Float8.ONE_LAYOUT);
  }

  private Quantizations() {}

  /**
   * The quantization of a name.
   *
   * @return null for the empty name: weights are kept as they are
   * @throws IllegalArgumentException if there is no such name
   */
  public static @Nullable Quantization of(String name) {
    Quantization known = ALL.get(name);
    if (known == null && !name.isEmpty()) {
      throw new IllegalArgumentException(
          "--quantize is '" + name + "', expected one of " + String.join(", ", ALL.keySet()));
    }
    return known;
  }
}
