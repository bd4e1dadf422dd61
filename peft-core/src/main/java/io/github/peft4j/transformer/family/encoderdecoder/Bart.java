package io.github.peft4j.transformer.family.encoderdecoder;

import io.github.peft4j.transformer.activation.Activation;
import io.github.peft4j.transformer.block.AbsolutePositions.Counting;
import io.github.peft4j.transformer.config.ModelConfig;
import io.github.peft4j.transformer.family.AttentionSpec;
import io.github.peft4j.transformer.family.BranchSpec;
import io.github.peft4j.transformer.family.EmbeddingSpec;
import io.github.peft4j.transformer.family.EncoderDecoderHeads;
import io.github.peft4j.transformer.family.Family;
import io.github.peft4j.transformer.family.FeedForwardSpec;
import io.github.peft4j.transformer.family.FeedForwardSpec.Network;
import io.github.peft4j.transformer.family.LayerSpec;
import io.github.peft4j.transformer.family.NormSpec;
import io.github.peft4j.transformer.family.PositionSpec;
import io.github.peft4j.transformer.family.Sizes;
import io.github.peft4j.transformer.family.StackSpec;
import java.util.List;
import java.util.function.Function;

/** BART (Lewis et al. 2019, arXiv:1910.13461), and the stacks of its relatives. */
public final class Bart {

  /** Index of the first position's vector. */
  private static final int OFFSET = 2;

  private static final double EPSILON = 1e-5;

  /** Fields of fairseq and of older versions of transformers, which no longer reads them. */
  static final String[] IGNORED = {
    "add_bias_logits",
    "add_final_layer_norm",
    "classif_dropout",
    "extra_pos_embeddings",
    "force_bos_token_to_be_generated",
    "normalize_before",
    "normalize_embedding",
    "num_hidden_layers",
    "static_position_embeddings"
  };

  /** The family. */
  public static final Family FAMILY =
      Family.encoderDecoder(
              "bart",
              EncoderDecoderHeads::bart,
              (config, body) -> encoder(config, body, BranchSpec::out),
              (config, body) -> decoder(config, body, BranchSpec::out))
          .ignores(IGNORED);

  private Bart() {}

  /**
   * The encoder.
   *
   * @param norm where the norm of a branch is
   */
  static StackSpec encoder(ModelConfig config, String body, Function<String, BranchSpec> norm) {
    return stack(config, body, "encoder", norm).causal(false);
  }

  /**
   * The decoder.
   *
   * @param norm where the norm of a branch is
   */
  static StackSpec decoder(ModelConfig config, String body, Function<String, BranchSpec> norm) {
    config.require("is_decoder", config.flag("is_decoder", false), false);
    AttentionSpec cross = attention(config, "encoder_attn", norm);
    return stack(config, body, "decoder", norm)
        .eachLayer((i, layer) -> layer.crossAttention(cross));
  }

  private static StackSpec stack(
      ModelConfig config, String body, String stack, Function<String, BranchSpec> norm) {
    String layerdrop = stack + "_layerdrop";
    config.require(layerdrop, config.number(layerdrop, 0), 0.0);
    Sizes sizes =
        Sizes.of(
            config,
            new Sizes.Fields("d_model", stack + "_layers", stack + "_attention_heads", null, null));
    double dropout = config.dropout("dropout");
    AttentionSpec attention = attention(config, "self_attn", norm);
    FeedForwardSpec feedForward =
        FeedForwardSpec.of(
                new Network.Plain("fc1", "fc2"),
                config.size(stack + "_ffn_dim"),
                Activation.of(config, "activation_function", "gelu"),
                norm.apply("final_layer_norm"))
            .dropout(config.dropout("activation_dropout"));
    String name = body + "." + stack;
    String own = name + ".embed_tokens";
    EmbeddingSpec embedding =
        EmbeddingSpec.of(body + ".shared", sizes.hidden())
            .ownTokens(own)
            .tableScale(scale(config))
            .positions(
                new PositionSpec.Learned(
                    name + ".embed_positions",
                    config.size("max_position_embeddings") + OFFSET,
                    OFFSET,
                    Counting.ALL))
            .norm(name + ".layernorm_embedding")
            .dropout(dropout);
    return StackSpec.of(
            name,
            sizes,
            embedding,
            i -> LayerSpec.of("layers." + i, attention, feedForward).dropout(dropout),
            NormSpec.layer(EPSILON),
            null)
        .ignored(List.of(own + ".weight"));
  }

  private static AttentionSpec attention(
      ModelConfig config, String module, Function<String, BranchSpec> norm) {
    return AttentionSpec.of(
            module,
            List.of("q_proj", "k_proj", "v_proj"),
            module + ".out_proj",
            norm.apply(module + "_layer_norm"))
        .dropout(config.dropout("attention_dropout"));
  }

  private static double scale(ModelConfig config) {
    return config.flag("scale_embedding", false) ? Math.sqrt(config.size("d_model")) : 1;
  }
}
