package io.github.peft4j.transformer.family.decoder;

import io.github.peft4j.transformer.activation.Activation;
import io.github.peft4j.transformer.block.AbsolutePositions.Counting;
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
import io.github.peft4j.transformer.family.PositionSpec;
import io.github.peft4j.transformer.family.Sizes;
import io.github.peft4j.transformer.family.StackSpec;
import java.util.List;
import java.util.function.Function;

/** OPT and Galactica (Zhang et al. 2022, arXiv:2205.01068). */
public final class Opt {

  /** Index of the first position's vector. */
  private static final int OFFSET = 2;

  private static final double EPSILON = 1e-5;

  /** The family. */
  public static final Family FAMILY = Family.of("opt", DecoderHeads::opt, Opt::stack);

  private Opt() {}

  private static StackSpec stack(ModelConfig config, String body) {
    String affine = "layer_norm_elementwise_affine";
    config.require(affine, config.flag(affine, true), true);
    config.require("layerdrop", config.number("layerdrop", 0), 0.0);
    Sizes sizes =
        Sizes.of(
            config,
            new Sizes.Fields(
                "hidden_size", "num_hidden_layers", "num_attention_heads", null, null));
    boolean before = config.flag("do_layer_norm_before", true);
    Function<String, BranchSpec> norm = before ? BranchSpec::before : BranchSpec::out;
    boolean bias = config.flag("enable_bias", true);
    double dropout = config.dropout("dropout");
    AttentionSpec attention =
        AttentionSpec.of(
                "self_attn",
                List.of("q_proj", "k_proj", "v_proj"),
                "self_attn.out_proj",
                norm.apply("self_attn_layer_norm"))
            .biases(bias)
            .dropout(config.dropout("attention_dropout"));
    FeedForwardSpec feedForward =
        FeedForwardSpec.of(
                new Network.Plain("fc1", "fc2"),
                config.size("ffn_dim"),
                Activation.of(config, "activation_function", "relu"),
                norm.apply("final_layer_norm"))
            .bias(bias);
    boolean last = before && !config.flag("_remove_final_layer_norm", false);
    String name = body + ".decoder";
    int dimension = config.size("word_embed_proj_dim", sizes.hidden());
    boolean projected = dimension != sizes.hidden();
    EmbeddingSpec embedding =
        EmbeddingSpec.of(name + ".embed_tokens", dimension)
            .tokenProjection(projected ? name + ".project_in" : null)
            .positions(
                new PositionSpec.Learned(
                    name + ".embed_positions",
                    config.size("max_position_embeddings") + OFFSET,
                    OFFSET,
                    Counting.UNMASKED));
    return StackSpec.of(
            name,
            sizes,
            embedding,
            i -> LayerSpec.of("layers." + i, attention, feedForward).dropout(dropout),
            NormSpec.layer(EPSILON),
            last ? "final_layer_norm" : null)
        .projection(projected ? "project_out" : null);
  }
}
