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

/** GPT-2, whose linear weights are transposed (Radford et al. 2019). */
public final class Gpt2 {

  private static final Sizes.Fields FIELDS =
      new Sizes.Fields("n_embd", "n_layer", "n_head", null, null);

  /**
   * The family. {@code reorder_and_upcast_attn} asks for scores in 32 bits. PyTorch's fused
   * attention has them anyway, so only rounding differs.
   */
  public static final Family FAMILY =
      Family.of("gpt2", DecoderHeads::gpt2, Gpt2::stack)
          .ignores(
              "n_ctx",
              "reorder_and_upcast_attn",
              "summary_activation",
              "summary_first_dropout",
              "summary_proj_to_labels",
              "summary_type",
              "summary_use_proj");

  private Gpt2() {}

  private static StackSpec stack(ModelConfig config, String body) {
    config.require("add_cross_attention", config.flag("add_cross_attention", false), false);
    Sizes sizes = Sizes.of(config, FIELDS);
    double dropout = config.dropout("resid_pdrop");
    AttentionSpec attention =
        AttentionSpec.of("attn", List.of("c_attn"), "attn.c_proj", BranchSpec.before("ln_1"))
            .dropout(config.dropout("attn_pdrop"));
    FeedForwardSpec feedForward =
        FeedForwardSpec.of(
            new Network.Plain("mlp.c_fc", "mlp.c_proj"),
            config.size("n_inner", 4 * sizes.hidden()),
            Activation.of(config, "activation_function", "gelu_new"),
            BranchSpec.before("ln_2"));
    String entries = config.has("n_positions") ? "n_positions" : "max_position_embeddings";
    return StackSpec.of(
            body,
            sizes,
            EmbeddingSpec.of(body + ".wte", sizes.hidden())
                .positions(
                    new PositionSpec.Learned(body + ".wpe", config.size(entries), 0, Counting.ALL))
                .dropout(config.dropout("embd_pdrop")),
            i ->
                LayerSpec.of("h." + i, attention.scale(scale(config, sizes, i)), feedForward)
                    .dropout(dropout),
            NormSpec.layer(config.positive("layer_norm_epsilon", 1e-5)),
            "ln_f")
        .transposed(true);
  }

  /** The factors 1/√d and 1/(layer + 1), each if the config sets it. */
  private static double scale(ModelConfig config, Sizes sizes, int layer) {
    double scale = config.flag("scale_attn_weights", true) ? 1 / Math.sqrt(sizes.head()) : 1;
    return config.flag("scale_attn_by_inverse_layer_idx", false) ? scale / (layer + 1) : scale;
  }
}
