package io.github.peft4j.transformer.family.decoder;

import io.github.peft4j.transformer.activation.Activation;
import io.github.peft4j.transformer.block.QueryKeyValue.Fused;
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
import io.github.peft4j.transformer.family.ScoreBiasSpec;
import io.github.peft4j.transformer.family.Sizes;
import io.github.peft4j.transformer.family.StackSpec;
import io.github.peft4j.transformer.rope.RopeSpec;
import java.util.List;

/**
 * Falcon: one or few keys for all queries, parallel branches (Almazrouei et al. 2023,
 * arXiv:2311.16867).
 */
public final class Falcon {

  private static final String PARALLEL = "parallel_attn";
  private static final String KEY_VALUES = "num_kv_heads";
  private static final String NORMS = "num_ln_in_parallel_attn";

  /** The family. */
  public static final Family FAMILY =
      Family.of("falcon", DecoderHeads::falcon, Falcon::stack)
          .ignores(
              "apply_residual_connection_post_layernorm",
              KEY_VALUES,
              "max_position_embeddings",
              "multi_query");

  private Falcon() {}

  private static StackSpec stack(ModelConfig config, String body) {
    boolean recent = config.flag("new_decoder_architecture", false);
    boolean parallel = config.flag(PARALLEL, true);
    boolean alibi = config.flag("alibi", false);
    boolean bias = config.flag("bias", false);
    Sizes sizes = sizes(config, recent);
    AttentionSpec attention =
        AttentionSpec.of(
                "self_attention",
                List.of("query_key_value"),
                "self_attention.dense",
                BranchSpec.before("input_layernorm"))
            .fused(Fused.GROUPED)
            .biases(bias)
            .rope(alibi ? null : rope(config, sizes))
            .dropout(alibi ? config.dropout("attention_dropout") : 0);
    FeedForwardSpec feedForward =
        FeedForwardSpec.of(
                new Network.Plain("mlp.dense_h_to_4h", "mlp.dense_4h_to_h"),
                config.size("ffn_hidden_size", 4 * sizes.hidden()),
                Activation.of(config, "activation", "gelu"),
                BranchSpec.before(parallel ? "input_layernorm" : "post_attention_layernorm"))
            .bias(bias);
    LayerSpec layer =
        LayerSpec.of("h", attention, feedForward)
            .residual(parallel ? Residual.PARALLEL : Residual.SEQUENTIAL)
            .dropout(dropout(config, parallel));
    LayerSpec normed = hasTwoNorms(config, recent, parallel) ? twoNorms(layer) : layer;
    return StackSpec.of(
            body,
            sizes,
            EmbeddingSpec.of(body + ".word_embeddings", sizes.hidden()),
            i -> normed.name("h." + i),
            NormSpec.layer(config.positive("layer_norm_epsilon", 1e-5)),
            "ln_f")
        .scoreBias(alibi ? new ScoreBiasSpec.Alibi(1 / Math.sqrt(sizes.head()), true) : null)
        .limit(alibi ? StackSpec.UNLIMITED : config.size("max_position_embeddings", 2048));
  }

  /** transformers rotates all dimensions of a head. */
  private static RopeSpec rope(ModelConfig config, Sizes sizes) {
    return RopeSpec.of(config, sizes.head());
  }

  private static Sizes sizes(ModelConfig config, boolean recent) {
    String hidden = config.has("n_embed") ? "n_embed" : "hidden_size";
    Sizes sizes =
        Sizes.of(
            config,
            new Sizes.Fields(
                hidden,
                "num_hidden_layers",
                "num_attention_heads",
                recent ? KEY_VALUES : null,
                null));
    if (recent) {
      return sizes;
    }
    if (config.flag("multi_query", true)) {
      return sizes.keyValueHeads(1);
    }
    config.require(KEY_VALUES, config.integer(KEY_VALUES, sizes.heads()), sizes.heads());
    return sizes;
  }

  /**
   * Whether each of two parallel branches has a norm of its own. transformers has no code for other
   * combinations.
   */
  private static boolean hasTwoNorms(ModelConfig config, boolean recent, boolean parallel) {
    if (!recent) {
      config.require(NORMS, parallel ? config.integer(NORMS, 1) : 1, 1);
      return false;
    }
    config.require(PARALLEL, parallel, true);
    int norms = config.integer(NORMS, 2);
    if (norms != 2) {
      config.require(NORMS, norms, 1);
    }
    return norms == 2;
  }

  private static LayerSpec twoNorms(LayerSpec layer) {
    return layer
        .attention(layer.attention().branch(BranchSpec.before("ln_attn")))
        .feedForward(layer.feedForward().branch(BranchSpec.before("ln_mlp")));
  }

  /** In transformers, branches that follow each other have dropouts of their own. */
  private static double dropout(ModelConfig config, boolean parallel) {
    double dropout = config.dropout("hidden_dropout");
    if (!parallel) {
      config.require("attention_dropout", config.dropout("attention_dropout"), dropout);
    }
    return dropout;
  }
}
