package io.github.peft4j.transformer.family.decoder;

import io.github.peft4j.transformer.config.ModelConfig;
import io.github.peft4j.transformer.config.Task;
import io.github.peft4j.transformer.family.DecoderHeads;
import io.github.peft4j.transformer.family.Family;
import io.github.peft4j.transformer.family.FeedForwardSpec.Network;
import io.github.peft4j.transformer.family.NormSpec;
import io.github.peft4j.transformer.family.StackSpec;
import io.github.peft4j.transformer.rope.RopeSpec;
import java.util.List;

/** Phi-3 and Phi-4: fused maps, LongRoPE, a window (Abdin et al. 2024, arXiv:2404.14219). */
public final class Phi3 {

  /** The family. */
  public static final Family FAMILY =
      Llama.FAMILY
          .like(
              "phi3",
              DecoderHeads.llama("Phi3", Task.Type.SEQ_CLS, Task.Type.TOKEN_CLS),
              Phi3::change)
          .ignores("original_max_position_embeddings");

  private Phi3() {}

  private static StackSpec change(StackSpec stack, ModelConfig config) {
    double dropout = config.dropout("resid_pdrop");
    RopeSpec rope = RopeSpec.partial(config, config.ropeParameters(), stack.sizes().head(), 1);
    return Mistral.windowed(stack, config, null)
        .embedding(stack.embedding().dropout(config.dropout("embd_pdrop")))
        .norm(NormSpec.rms(config.positive("rms_norm_eps", 1e-5)))
        .eachAttention((i, a) -> a.projections(List.of("qkv_proj")).rope(rope))
        .eachFeedForward(
            f -> f.network(new Network.FusedGated("mlp.gate_up_proj", "mlp.down_proj")))
        .eachLayer((i, layer) -> layer.dropout(dropout));
  }
}
