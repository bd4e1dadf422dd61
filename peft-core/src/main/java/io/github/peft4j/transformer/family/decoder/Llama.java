package io.github.peft4j.transformer.family.decoder;

import io.github.peft4j.transformer.activation.Activation;
import io.github.peft4j.transformer.config.ModelConfig;
import io.github.peft4j.transformer.family.AttentionSpec;
import io.github.peft4j.transformer.family.BranchSpec;
import io.github.peft4j.transformer.family.DecoderHeads;
import io.github.peft4j.transformer.family.EmbeddingSpec;
import io.github.peft4j.transformer.family.Family;
import io.github.peft4j.transformer.family.FeedForwardSpec;
import io.github.peft4j.transformer.family.FeedForwardSpec.Network;
import io.github.peft4j.transformer.family.LayerSpec;
import io.github.peft4j.transformer.family.NormSpec;
import io.github.peft4j.transformer.family.Sizes;
import io.github.peft4j.transformer.family.StackSpec;
import io.github.peft4j.transformer.rope.RopeSpec;
import java.util.List;

/** Llama 1 to 3.3 and models with the same layout (Touvron et al. 2023, arXiv:2302.13971). */
public final class Llama {

  /** The family. */
  public static final Family FAMILY =
      Family.of("llama", DecoderHeads.llamaWithTransformer("Llama"), Llama::stack)
          .ignores("pretraining_tp");

  private Llama() {}

  static StackSpec stack(ModelConfig config, String body) {
    return stack(config, body, RopeSpec.of(config, Sizes.of(config).head()));
  }

  /** A stack with other rotary positions than those of whole heads. */
  static StackSpec stack(ModelConfig config, String body, RopeSpec rope) {
    Sizes sizes = Sizes.of(config);
    AttentionSpec attention =
        AttentionSpec.of(
                "self_attn",
                List.of("q_proj", "k_proj", "v_proj"),
                "self_attn.o_proj",
                BranchSpec.before("input_layernorm"))
            .biases(config.flag("attention_bias", false))
            .rope(rope)
            .dropout(config.dropout("attention_dropout"));
    FeedForwardSpec feedForward =
        FeedForwardSpec.of(
                new Network.Gated("mlp.gate_proj", "mlp.up_proj", "mlp.down_proj"),
                config.size("intermediate_size"),
                Activation.of(config, "hidden_act", "silu"),
                BranchSpec.before("post_attention_layernorm"))
            .bias(config.flag("mlp_bias", false));
    return StackSpec.of(
            body,
            sizes,
            EmbeddingSpec.of(body + ".embed_tokens", sizes.hidden()),
            i -> LayerSpec.of("layers." + i, attention, feedForward),
            NormSpec.rms(config.positive("rms_norm_eps", 1e-6)),
            "norm")
        .limit(rope.scaling().limit(config.size("max_position_embeddings")));
  }
}
