package io.github.peft4j.transformer.family.decoder;

import io.github.peft4j.transformer.config.ModelConfig;
import io.github.peft4j.transformer.config.Task;
import io.github.peft4j.transformer.family.DecoderHeads;
import io.github.peft4j.transformer.family.Family;
import io.github.peft4j.transformer.family.FeedForwardSpec.Network;
import io.github.peft4j.transformer.family.NormSpec;
import io.github.peft4j.transformer.family.Sizes;
import io.github.peft4j.transformer.family.StackSpec;
import io.github.peft4j.transformer.rope.RopeSpec;
import java.util.List;

/** Phi-3 and Phi-4: fused maps, LongRoPE, a window (Abdin et al. 2024, arXiv:2404.14219). */
public final class Phi3 {

  /** The family. */
  public static final Family FAMILY =
      Family.of(
              "phi3",
              DecoderHeads.llama("Phi3", Task.Type.SEQ_CLS, Task.Type.TOKEN_CLS),
              Phi3::stack)
          .ignores("full_attn_mod", "interpolate_factor", "original_max_position_embeddings");

  private Phi3() {}

  private static StackSpec stack(ModelConfig config, String body) {
    double dropout = config.dropout("resid_pdrop");
    int head = Sizes.of(config).head();
    RopeSpec rope = RopeSpec.partial(config, config.ropeParameters(), head, 1);
    StackSpec stack = Llama.stack(config, body, rope);
    return Mistral.windowed(stack, config, null)
        .embedding(stack.embedding().dropout(config.dropout("embd_pdrop")))
        .norm(NormSpec.rms(config.positive("rms_norm_eps", 1e-5)))
        .eachAttention((i, a) -> a.projections(List.of("qkv_proj")))
        .eachFeedForward(
            f -> f.network(new Network.FusedGated("mlp.gate_up_proj", "mlp.down_proj")))
        .eachLayer((i, layer) -> layer.dropout(dropout));
  }
}
