package io.github.peft4j.transformer.family.encoder;

import io.github.peft4j.transformer.activation.Activation;
import io.github.peft4j.transformer.block.Norm;
import io.github.peft4j.transformer.config.ModelConfig;
import io.github.peft4j.transformer.family.AttentionSpec;
import io.github.peft4j.transformer.family.BranchSpec;
import io.github.peft4j.transformer.family.EmbeddingSpec;
import io.github.peft4j.transformer.family.EncoderHeads;
import io.github.peft4j.transformer.family.Family;
import io.github.peft4j.transformer.family.FeedForwardSpec;
import io.github.peft4j.transformer.family.FeedForwardSpec.Network;
import io.github.peft4j.transformer.family.LayerSpec;
import io.github.peft4j.transformer.family.NormSpec;
import io.github.peft4j.transformer.family.Sizes;
import io.github.peft4j.transformer.family.StackSpec;
import io.github.peft4j.transformer.family.Windows;
import io.github.peft4j.transformer.rope.RopeSpec;
import java.util.List;
import java.util.function.IntPredicate;

/**
 * ModernBERT: rotary positions, a gated network, and a window in most layers (Warner et al. 2024,
 * arXiv:2412.13663).
 */
public final class ModernBert {

  private static final Sizes.Fields FIELDS =
      new Sizes.Fields("hidden_size", "num_hidden_layers", "num_attention_heads", null, null);

  /** The family. The ignored fields say how weights were initialised or how PyTorch computes. */
  public static final Family FAMILY =
      Family.of("modernbert", EncoderHeads::modernbert, ModernBert::stack)
          .ignores(
              "deterministic_flash_attn",
              "initializer_cutoff_factor",
              "layer_norm_eps",
              "position_embedding_type",
              "reference_compile",
              "repad_logits_with_grad",
              "sparse_pred_ignore_index",
              "sparse_prediction");

  private ModernBert() {}

  private static StackSpec stack(ModelConfig config, String body) {
    Sizes sizes = Sizes.of(config, FIELDS);
    double attentionDropout = config.dropout("attention_dropout");
    int interval = config.size("global_attn_every_n_layers", 3);
    IntPredicate local = Windows.sliding(config, sizes.layers(), i -> i % interval != 0);
    int farthest = config.size("local_attention", 128) / 2;
    RopeSpec near = rope(config, "sliding_attention", "local_rope_theta", 10_000, sizes.head());
    RopeSpec far = rope(config, "full_attention", "global_rope_theta", 160_000, sizes.head());
    AttentionSpec attention =
        AttentionSpec.of("attn", List.of("Wqkv"), "attn.Wo", BranchSpec.before("attn_norm"))
            .biases(config.flag("attention_bias", false))
            .dropout(attentionDropout);
    FeedForwardSpec feedForward =
        FeedForwardSpec.of(
                new Network.FusedGated("mlp.Wi", "mlp.Wo"),
                config.size("intermediate_size"),
                Activation.of(config, "hidden_activation", "gelu"),
                BranchSpec.before("mlp_norm"))
            .bias(config.flag("mlp_bias", false))
            .dropout(config.dropout("mlp_dropout"));
    return StackSpec.of(
            body,
            sizes,
            EmbeddingSpec.of(body + ".embeddings.tok_embeddings", sizes.hidden())
                .norm(body + ".embeddings.norm")
                .dropout(config.dropout("embedding_dropout")),
            i ->
                LayerSpec.of("layers." + i, attention, feedForward)
                    .attentionOutputDropout(attentionDropout),
            new NormSpec(
                Norm.Kind.LAYER,
                config.flag("norm_bias", false),
                config.positive("norm_eps", 1e-5)),
            "final_norm")
        .causal(false)
        .limit(config.size("max_position_embeddings"))
        .eachAttention(
            (i, a) ->
                a.branch(i == 0 ? BranchSpec.NONE : a.branch()) // the embedding's norm comes before
                    .rope(local.test(i) ? near : far)
                    .window(local.test(i) ? farthest : null));
  }

  /** The rotary positions of a kind of layer, also under their older names. */
  private static RopeSpec rope(
      ModelConfig config, String kind, String theta, double usual, int head) {
    ModelConfig given =
        config.has("rope_parameters")
            ? config.within("rope_parameters").within(kind)
            : config.within("rope_scaling");
    double base = given.positive("rope_theta", config.positive(theta, usual));
    return RopeSpec.of(config, given, head).theta(base);
  }
}
