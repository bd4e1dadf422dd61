package io.github.peft4j.transformer.family.decoder;

import io.github.peft4j.transformer.config.ModelConfig;
import io.github.peft4j.transformer.family.BranchSpec;
import io.github.peft4j.transformer.family.DecoderHeads;
import io.github.peft4j.transformer.family.Family;
import io.github.peft4j.transformer.family.StackSpec;
import io.github.peft4j.transformer.family.Windows;
import java.util.function.IntFunction;
import org.jspecify.annotations.Nullable;

/**
 * Gemma 2: norms around the branches, every other layer with a window, capped scores and logits
 * (Gemma Team 2024, arXiv:2408.00118).
 */
public final class Gemma2 {

  /** The family. */
  public static final Family FAMILY =
      Gemma.FAMILY.like("gemma2", DecoderHeads::gemma2, Gemma2::change);

  private Gemma2() {}

  private static StackSpec change(StackSpec stack, ModelConfig config) {
    IntFunction<@Nullable Integer> window =
        Windows.of(
            Windows.sliding(config, stack.sizes().layers(), i -> i % 2 == 0),
            Windows.size(config, 4096));
    Double cap = cap(config, "attn_logit_softcapping", 50.0);
    return normedAround(stack, config).eachAttention((i, a) -> a.window(window.apply(i)).cap(cap));
  }

  /** Norms before and after each branch, and the scale of scores. */
  static StackSpec normedAround(StackSpec stack, ModelConfig config) {
    double scale = 1 / Math.sqrt(config.positive("query_pre_attn_scalar", 256));
    return stack
        .eachAttention(
            (i, a) ->
                a.branch(BranchSpec.around("input_layernorm", "post_attention_layernorm"))
                    .scale(scale))
        .eachFeedForward(
            f ->
                f.branch(
                    BranchSpec.around("pre_feedforward_layernorm", "post_feedforward_layernorm")));
  }

  static @Nullable Double cap(ModelConfig config, String field, @Nullable Double usual) {
    return config.has(field)
        ? Double.valueOf(config.positive(field))
        : config.isNull(field) ? null : usual;
  }
}
