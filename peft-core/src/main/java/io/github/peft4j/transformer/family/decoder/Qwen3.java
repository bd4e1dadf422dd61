package io.github.peft4j.transformer.family.decoder;

import io.github.peft4j.transformer.family.AttentionSpec.Norms;
import io.github.peft4j.transformer.family.DecoderHeads;
import io.github.peft4j.transformer.family.Family;

/** Qwen3: queries and keys are normalised head by head (Yang et al. 2025, arXiv:2505.09388). */
public final class Qwen3 {

  /** The family. */
  public static final Family FAMILY =
      Llama.FAMILY.like(
          "qwen3",
          DecoderHeads.llamaWithTransformer("Qwen3"),
          (stack, config) ->
              Qwen2.windowed(stack, config)
                  .eachAttention((i, a) -> a.norms(new Norms("q_norm", "k_norm", false))));

  private Qwen3() {}
}
