package io.github.peft4j.gguf;

import com.google.gson.JsonArray;
import io.github.peft4j.io.gguf.GgufValueType;
import io.github.peft4j.transformer.config.ModelConfig;
import java.util.ArrayList;
import java.util.List;
import java.util.function.Predicate;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/** What a GGUF file cannot say, or llama.cpp computes in one way only. */
final class Limits {

  private static final Logger LOG = LoggerFactory.getLogger(Limits.class);
  private static final String SCALE = "query_pre_attn_scalar";
  private static final String WINDOW = "sliding_window";
  private static final String PATTERN = "sliding_window_pattern";
  private static final String KINDS = "layer_types";
  private static final String SLIDING = "sliding_attention";

  private Limits() {}

  /** Mixtures of experts, which have tensors that are not read here. */
  static Field noExperts() {
    return Field.of(
        (from, config) -> {
          long experts = from.findInteger("expert_count").orElse(0);
          if (experts > 0) {
            throw from.unsupported("expert_count", experts, "no experts");
          }
        },
        (config, to) -> {});
  }

  /**
   * A window that files do not have: llama.cpp reads whole texts with these models, as its
   * converter has it.
   *
   * @param used whether a config uses its window
   */
  static Field window(String field, Predicate<ModelConfig> used) {
    return Field.of(
        (from, config) -> {},
        (config, to) -> {
          if (config.has(field) && used.test(config)) {
            LOG.warn(
                "{}: '{}' is {}. A GGUF file cannot say it: llama.cpp computes something else of"
                    + " texts with more tokens than that",
                config.source(),
                field,
                config.size(field));
          }
        });
  }

  /** Whether a Qwen uses its window. */
  static boolean usesWindow(ModelConfig config) {
    return config.flag("use_sliding_window", false);
  }

  /**
   * The scale of scores, which llama.cpp takes from the sizes: it is D / H in the largest model, of
   * which it knows the number of layers, and d in the others.
   *
   * @param largest number of layers of the largest model
   */
  static Field scoreScale(int largest) {
    return Field.of(
        (from, config) -> {
          boolean isLargest = from.integer("block_count") == largest;
          long divided =
              from.integer("embedding_length") / Math.max(1, from.integer("attention.head_count"));
          config.addProperty(SCALE, isLargest ? divided : config.get("head_dim").getAsLong());
        },
        (config, to) -> {
          long head = config.has("head_dim") ? config.size("head_dim") : 256;
          boolean isLargest = config.size("num_hidden_layers") == largest;
          long expected = isLargest ? HeadFields.divided(config) : head;
          double found = config.positive(SCALE, 256);
          if (found != expected) {
            throw config.error(SCALE, found, expected + ": llama.cpp computes nothing else");
          }
        });
  }

  /**
   * Which layers have a window: all but every n-th.
   *
   * @param period n, unless a file says otherwise
   */
  static Field windows(int period) {
    String key = "attention." + PATTERN;
    return Field.of(
        (from, config) -> {
          if (!from.has(key)) {
            return;
          }
          if (from.type(key) != GgufValueType.ARRAY) {
            config.addProperty(PATTERN, from.integer(key));
            return;
          }
          JsonArray kinds = new JsonArray();
          for (boolean sliding : from.flags(key)) {
            kinds.add(sliding ? SLIDING : "full_attention");
          }
          config.add(KINDS, kinds);
        },
        (config, to) -> {
          if (!config.has(WINDOW)) {
            throw config.error(WINDOW, null, "a number of tokens: llama.cpp needs one here");
          }
          List<String> kinds = new ArrayList<>();
          for (int layer = 1; layer <= config.size("num_hidden_layers"); layer++) {
            kinds.add(layer % period == 0 ? "full_attention" : SLIDING);
          }
          int pattern = config.size(PATTERN, config.size("_" + PATTERN, period));
          if (pattern != period || (config.has(KINDS) && !config.texts(KINDS).equals(kinds))) {
            throw config.error(
                config.has(KINDS) ? KINDS : PATTERN,
                config.has(KINDS) ? config.texts(KINDS) : pattern,
                "a window in all layers but one of " + period + ": llama.cpp has no others");
          }
        });
  }
}
