package io.github.peft4j.gguf;

import com.google.gson.JsonNull;
import com.google.gson.JsonPrimitive;
import io.github.peft4j.transformer.config.ModelConfig;

/** The fields that Phi-3 has in another way than its relatives. */
final class PhiFields {

  private static final String SHARE = "partial_rotary_factor";
  private static final String ROTATED = "rope.dimension_count";
  private static final String WINDOW = "sliding_window";

  private PhiFields() {}

  /** The dimensions of a head that are rotated, of which a config has the share. */
  static Field rotated() {
    return Field.of(
        (from, config) -> {
          double head =
              (double) from.integer("embedding_length")
                  / Math.max(1, from.integer("attention.head_count"));
          double share = from.findInteger(ROTATED).orElse((long) head) / head;
          if (share != 1) {
            config.addProperty(SHARE, share);
          }
        },
        (config, to) -> {
          ModelConfig rope = config.ropeParameters();
          double share = rope.positive(SHARE, config.positive(SHARE, 1));
          long rotated = (long) (share * config.size("hidden_size"));
          to.integer(ROTATED, rotated / config.size("num_attention_heads"));
        });
  }

  /** The window, which is 0 for none. */
  static Field window() {
    String key = "attention." + WINDOW;
    return Field.of(
        (from, config) -> {
          long window = from.findInteger(key).orElse(0);
          config.add(WINDOW, window == 0 ? JsonNull.INSTANCE : new JsonPrimitive(window));
        },
        (config, to) -> to.integer(key, config.has(WINDOW) ? config.size(WINDOW) : 0));
  }
}
