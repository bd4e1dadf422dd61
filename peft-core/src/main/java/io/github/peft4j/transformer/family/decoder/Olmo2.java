package io.github.peft4j.transformer.family.decoder;

import io.github.peft4j.transformer.config.Task;
import io.github.peft4j.transformer.family.AttentionSpec.Norms;
import io.github.peft4j.transformer.family.BranchSpec;
import io.github.peft4j.transformer.family.DecoderHeads;
import io.github.peft4j.transformer.family.Family;
import io.github.peft4j.transformer.family.NormSpec;

/**
 * OLMo 2: norms after the branches, and of whole queries and keys (OLMo et al. 2025,
 * arXiv:2501.00656).
 */
public final class Olmo2 {

  /** The family. */
  public static final Family FAMILY =
      Llama.FAMILY.like(
          "olmo2",
          DecoderHeads.llama("Olmo2", Task.Type.SEQ_CLS),
          (stack, config) ->
              stack
                  .norm(NormSpec.rms(config.positive("rms_norm_eps", 1e-5)))
                  .eachAttention(
                      (i, a) ->
                          a.branch(BranchSpec.after("post_attention_layernorm"))
                              .norms(new Norms("q_norm", "k_norm", true)))
                  .eachFeedForward(f -> f.branch(BranchSpec.after("post_feedforward_layernorm"))));

  private Olmo2() {}
}
