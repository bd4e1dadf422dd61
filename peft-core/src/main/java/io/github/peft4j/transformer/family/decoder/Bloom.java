package io.github.peft4j.transformer.family.decoder;

import io.github.peft4j.transformer.activation.Activation;
import io.github.peft4j.transformer.block.QueryKeyValue.Fused;
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
import io.github.peft4j.transformer.family.ScoreBiasSpec;
import io.github.peft4j.transformer.family.Sizes;
import io.github.peft4j.transformer.family.StackSpec;
import java.util.List;

/** BLOOM, with ALiBi (Scao et al. 2022, arXiv:2211.05100). */
public final class Bloom {

  /** The family. */
  public static final Family FAMILY =
      Family.of("bloom", DecoderHeads::bloom, Bloom::stack)
          .ignores(
              "attention_softmax_in_fp32",
              "bias_dropout_fusion",
              "masked_softmax_fusion",
              "offset_alibi",
              "seq_length",
              "skip_bias_add",
              "skip_bias_add_qkv");

  private Bloom() {}

  private static StackSpec stack(ModelConfig config, String body) {
    if (config.integer("pretraining_tp", 1) > 1) { // that path of transformers drops biases
      config.require("slow_but_exact", config.flag("slow_but_exact", false), false);
    }
    Sizes sizes = Sizes.of(config, fields(config));
    int inner = 4 * sizes.hidden();
    config.require("n_inner", config.integer("n_inner", inner), inner);
    String normed = "apply_residual_connection_post_layernorm";
    boolean residualAfterNorm = config.flag(normed, false);
    double dropout = config.dropout("hidden_dropout");
    AttentionSpec attention =
        AttentionSpec.of(
                "self_attention",
                List.of("query_key_value"),
                "self_attention.dense",
                BranchSpec.before("input_layernorm").residualAfterNorm(residualAfterNorm))
            .fused(Fused.GROUPED)
            .dropout(config.dropout("attention_dropout"));
    FeedForwardSpec feedForward =
        FeedForwardSpec.of(
            new Network.Plain("mlp.dense_h_to_4h", "mlp.dense_4h_to_h"),
            inner,
            Activation.GELU_NEW,
            BranchSpec.before("post_attention_layernorm").residualAfterNorm(residualAfterNorm));
    EmbeddingSpec embedding =
        EmbeddingSpec.of(body + ".word_embeddings", sizes.hidden())
            .norm(body + ".word_embeddings_layernorm");
    return StackSpec.of(
            body,
            sizes,
            embedding,
            i -> LayerSpec.of("h." + i, attention, feedForward).dropout(dropout),
            NormSpec.layer(config.positive("layer_norm_epsilon", 1e-5)),
            "ln_f")
        .scoreBias(new ScoreBiasSpec.Alibi(1, false));
  }

  /** The older names count if a config has both, as in transformers. */
  private static Sizes.Fields fields(ModelConfig config) {
    return new Sizes.Fields(
        present(config, "n_embed", "hidden_size"),
        present(config, "n_layer", "num_hidden_layers"),
        present(config, "n_head", "num_attention_heads"),
        null,
        null);
  }

  private static String present(ModelConfig config, String field, String otherwise) {
    return config.has(field) ? field : otherwise;
  }
}
