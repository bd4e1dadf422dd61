package io.github.peft4j.transformer.family.decoder;

import io.github.peft4j.transformer.activation.Activation;
import io.github.peft4j.transformer.block.TransformerLayer.Residual;
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

/** Phi-1, 1.5 and 2: parallel branches after one norm (Li et al. 2023, arXiv:2309.05463). */
public final class Phi {

  /** The family. */
  public static final Family FAMILY = Family.of("phi", DecoderHeads::phi, Phi::stack);

  private Phi() {}

  private static StackSpec stack(ModelConfig config, String body) {
    String tied = "tie_word_embeddings"; // the output map has a bias, the table has none
    config.require(tied, config.flag(tied, false), false);
    Sizes sizes = Sizes.of(config);
    double dropout = config.dropout("resid_pdrop");
    BranchSpec norm = BranchSpec.before("input_layernorm");
    AttentionSpec.Norms norms = new AttentionSpec.Norms("q_layernorm", "k_layernorm", false);
    AttentionSpec attention =
        AttentionSpec.of(
                "self_attn", List.of("q_proj", "k_proj", "v_proj"), "self_attn.dense", norm)
            .norms(config.flag("qk_layernorm", false) ? norms : null)
            .rope(RopeSpec.partial(config, config.ropeParameters(), sizes.head(), 0.5))
            .dropout(config.dropout("attention_dropout"));
    FeedForwardSpec feedForward =
        FeedForwardSpec.of(
            new Network.Plain("mlp.fc1", "mlp.fc2"),
            config.size("intermediate_size"),
            Activation.of(config, "hidden_act", "gelu_new"),
            norm);
    return StackSpec.of(
            body,
            sizes,
            EmbeddingSpec.of(body + ".embed_tokens", sizes.hidden())
                .dropout(config.dropout("embd_pdrop")),
            i ->
                LayerSpec.of("layers." + i, attention, feedForward)
                    .residual(Residual.PARALLEL)
                    .dropout(dropout),
            NormSpec.layer(config.positive("layer_norm_eps", 1e-5)),
            "final_layernorm")
        .limit(config.size("max_position_embeddings"));
  }
}
