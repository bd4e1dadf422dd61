package io.github.peft4j.quantization.named;

import io.github.peft4j.quantization.Quantization;
import io.github.peft4j.quantization.bitsandbytes.Fp4;
import io.github.peft4j.quantization.bitsandbytes.Int8;
import io.github.peft4j.quantization.bitsandbytes.Nf4;
import io.github.peft4j.quantization.float8.Float8;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;

/**
 * How frozen weights are kept, by names for options and files of settings: {@code nf4}, {@code
 * nf4-double}, {@code fp4}, {@code fp4-double}, {@code int8}, {@code int8-absmax}, {@code
 * float8-two-layouts} and {@code float8-one-layout}.
 */
public final class Quantizations {

  private static final Map<String, Quantization> ALL = new LinkedHashMap<>();

  static {
    ALL.put("nf4", Nf4.plain());
    ALL.put("nf4-double", Nf4.doubleQuantized());
    ALL.put("fp4", Fp4.plain());
    ALL.put("fp4-double", Fp4.doubleQuantized());
    ALL.put("int8", Int8.BY_ROW);
    ALL.put("int8-absmax", Int8.ABSMAX);
    ALL.put("float8-two-layouts", Float8.TWO_LAYOUTS);
    ALL.put("float8-one-layout", Float8.ONE_LAYOUT);
  }

  private Quantizations() {}

  /** All names. */
  public static List<String> names() {
    return List.copyOf(ALL.keySet());
  }

  /**
   * The quantization of a name.
   *
   * @throws IllegalArgumentException if there is no such name; the message lists all
   */
  public static Quantization of(String name) {
    Quantization known = ALL.get(name);
    if (known == null) {
      throw new IllegalArgumentException(
          "no quantization is called '"
              + name
              + "'; expected one of "
              + String.join(", ", names()));
    }
    return known;
  }
}
