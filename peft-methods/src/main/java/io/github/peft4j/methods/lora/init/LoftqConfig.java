package io.github.peft4j.methods.lora.init;

import com.google.gson.JsonElement;
import com.google.gson.JsonObject;
import io.github.peft4j.quantization.Quantization;
import io.github.peft4j.quantization.bitsandbytes.Int8;
import io.github.peft4j.quantization.bitsandbytes.Nf4;
import io.github.peft4j.withers.Withers;

/**
 * Settings of LoftQ initialisation, with the names and defaults of PEFT's {@code loftq_config}.
 *
 * @param loftqBits the bits of the frozen weights: 4 for NF4, 8 for int8 by row; 4
 * @param loftqIter how often the weights are quantised and what is left is decomposed, above 0; 1
 */
@Withers
public record LoftqConfig(int loftqBits, int loftqIter) implements LoftqConfigWithers {

  /** No settings: {@code loftq_config} is {@code {}}, as PEFT writes it for other starts. */
  public static final LoftqConfig NONE = new LoftqConfig(0, 0);

  private static final LoftqConfig DEFAULTS = new LoftqConfig(4, 1);

  /** Checks the values. */
  public LoftqConfig {
    boolean none = loftqBits == 0 && loftqIter == 0;
    if (!none && loftqBits != 4 && loftqBits != 8) {
      throw new IllegalArgumentException(
          "loftq_config.loftq_bits is " + loftqBits + "; expected 4 or 8");
    }
    if (!none && loftqIter < 1) {
      throw new IllegalArgumentException(
          "loftq_config.loftq_iter is " + loftqIter + "; expected 1 or more");
    }
  }

  /** PEFT's defaults. */
  public static LoftqConfig defaults() {
    return DEFAULTS;
  }

  /** How the weights are kept: without a second level of statistics, as in PEFT. */
  public Quantization quantization() {
    return loftqBits == 8 ? Int8.BY_ROW : Nf4.plain();
  }

  /** The value of {@code loftq_config} in {@code adapter_config.json}. */
  public JsonElement toJson() {
    return equals(NONE) ? new JsonObject() : InitializationJson.write(this);
  }

  /**
   * Reads {@code loftq_config} of {@code adapter_config.json}. Missing fields get their defaults.
   */
  public static LoftqConfig fromJson(JsonElement json) {
    return json.isJsonObject() && json.getAsJsonObject().isEmpty()
        ? NONE
        : InitializationJson.read(json, DEFAULTS, LoftqConfig.class);
  }
}
