package io.github.peft4j.transformer.family.decoder;

import io.github.peft4j.transformer.config.ModelConfig;
import io.github.peft4j.transformer.family.AttentionSpec.Norms;
import io.github.peft4j.transformer.family.DecoderHeads;
import io.github.peft4j.transformer.family.Family;
import io.github.peft4j.transformer.family.Sizes;
import io.github.peft4j.transformer.family.StackSpec;
import io.github.peft4j.transformer.family.Windows;
import io.github.peft4j.transformer.rope.RopeSpec;
import java.util.function.IntFunction;
import java.util.function.IntPredicate;
import org.jspecify.annotations.Nullable;

/**
 * Gemma 3, text: five layers with a window for each one without, which have rotary positions of
 * their own; normalised queries and keys (Gemma Team 2025, arXiv:2503.19786).
 */
public final class Gemma3 {

  /** The family. */
  public static final Family FAMILY =
      Gemma.FAMILY.like("gemma3_text", DecoderHeads::gemma3, Gemma3::change);

  private Gemma3() {}

  private static StackSpec change(StackSpec stack, ModelConfig config) {
    Sizes sizes = stack.sizes();
    config.require("attn_logit_softcapping", config.has("attn_logit_softcapping"), false);
    boolean bothWays = config.flag("use_bidirectional_attention", false);
    int pattern =
        config.integer("sliding_window_pattern", config.integer("_sliding_window_pattern", 6));
    IntPredicate sliding = Windows.sliding(config, sizes.layers(), i -> (i + 1) % pattern != 0);
    Integer size = Windows.size(config, 4096);
    IntFunction<@Nullable Integer> window =
        Windows.of(sliding, bothWays && size != null ? Integer.valueOf(size / 2) : size);
    RopeSpec local =
        rope(config, "sliding_attention", "rope_local_base_freq", 10_000, sizes.head());
    RopeSpec global = rope(config, "full_attention", "rope_theta", 1_000_000, sizes.head());
    return Gemma2.normedAround(stack, config)
        .causal(!bothWays)
        .eachAttention(
            (i, a) ->
                a.window(window.apply(i))
                    .rope(sliding.test(i) ? local : global)
                    .norms(new Norms("q_norm", "k_norm", false)));
  }

  /** The rotary positions of a kind of layer; in older configs only global layers are scaled. */
  private static RopeSpec rope(
      ModelConfig config, String kind, String theta, double usual, int head) {
    ModelConfig given =
        config.has("rope_parameters")
            ? config.within("rope_parameters").within(kind)
            : kind.equals("full_attention") ? config.within("rope_scaling") : config.within(kind);
    double base = given.positive("rope_theta", config.positive(theta, usual));
    return RopeSpec.of(config, given, head, 1).theta(base);
  }
}
