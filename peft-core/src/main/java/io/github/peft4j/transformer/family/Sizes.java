package io.github.peft4j.transformer.family;

import io.github.peft4j.transformer.config.ModelConfig;
import io.github.peft4j.withers.Withers;
import java.util.function.ToIntFunction;
import org.jspecify.annotations.Nullable;

/**
 * The sizes of a stack.
 *
 * @param hidden D, the size of hidden states
 * @param layers the number of layers
 * @param heads H, the number of query heads
 * @param keyValueHeads K, the number of key-value heads, which divides H
 * @param head d, the size of one head
 */
@Withers
public record Sizes(int hidden, int layers, int heads, int keyValueHeads, int head)
    implements SizesWithers {

  /** The largest total size of heads. No model exceeds it; a larger one is an error in the file. */
  private static final int WIDEST = 1 << 20;

  /** The largest number of layers. No model exceeds it; a larger one is an error in the file. */
  private static final int DEEPEST = 1 << 14;

  /** The names of a config's fields of sizes; a null or absent one has a default. */
  public record Fields(
      String hidden,
      String layers,
      String heads,
      @Nullable String keyValueHeads,
      @Nullable String head) {

    /** The names that most families have. */
    public static final Fields USUAL =
        new Fields(
            "hidden_size",
            "num_hidden_layers",
            "num_attention_heads",
            "num_key_value_heads",
            "head_dim");
  }

  /** The sizes under the usual names. */
  public static Sizes of(ModelConfig config) {
    return of(config, Fields.USUAL);
  }

  /**
   * The sizes under other names. Without a number of key-value heads each query head has its own;
   * without a size of heads it is D / H.
   */
  public static Sizes of(ModelConfig config, Fields fields) {
    int hidden = config.size(fields.hidden());
    int heads = config.size(fields.heads());
    int keyValueHeads = optional(config, fields.keyValueHeads(), c -> heads);
    if (heads % keyValueHeads != 0) {
      throw config.error(
          String.valueOf(fields.keyValueHeads()),
          keyValueHeads,
          "a divisor of " + fields.heads() + " " + heads);
    }
    int head = optional(config, fields.head(), c -> divided(c, fields, hidden, heads));
    if ((long) head * heads > WIDEST) {
      throw config.error(String.valueOf(fields.head()), head, "at most " + WIDEST / heads);
    }
    int layers = config.size(fields.layers());
    if (layers > DEEPEST) {
      throw config.error(fields.layers(), layers, "at most " + DEEPEST);
    }
    return new Sizes(hidden, layers, heads, keyValueHeads, head);
  }

  private static int divided(ModelConfig config, Fields fields, int hidden, int heads) {
    if (hidden % heads != 0) {
      throw config.error(fields.heads(), heads, "a divisor of " + fields.hidden() + " " + hidden);
    }
    return hidden / heads;
  }

  private static int optional(
      ModelConfig config, @Nullable String field, ToIntFunction<ModelConfig> otherwise) {
    return field != null && config.has(field) ? config.size(field) : otherwise.applyAsInt(config);
  }
}
