package io.github.peft4j.transformer.family.encoderdecoder;

import io.github.peft4j.transformer.activation.Activation;
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
import io.github.peft4j.transformer.family.ScoreBiasSpec;
import io.github.peft4j.transformer.family.Sizes;
import io.github.peft4j.transformer.family.StackSpec;
import java.util.List;

/** T5, plain and gated (Raffel et al. 2019, arXiv:1910.10683; Shazeer 2020). */
public final class T5 {

  static final String[] IGNORED = {"n_positions", "is_gated_act"};

  /** The family. */
  public static final Family FAMILY =
      Family.encoderDecoder("t5", EncoderDecoderHeads::t5, T5::encoder, T5::decoder)
          .ignores(IGNORED);

  private T5() {}

  static StackSpec encoder(ModelConfig config, String body) {
    return stack(config, "encoder", "num_layers").causal(false);
  }

  static StackSpec decoder(ModelConfig config, String body) {
    String depth = config.has("num_decoder_layers") ? "num_decoder_layers" : "num_layers";
    return stack(config, "decoder", depth)
        .eachLayer(
            (i, layer) ->
                layer
                    .crossAttention(attention("layer.1.", "EncDecAttention", config))
                    .feedForward(feedForward("layer.2.", config)));
  }

  private static StackSpec stack(ModelConfig config, String stack, String depth) {
    Sizes sizes = Sizes.of(config, new Sizes.Fields("d_model", depth, "num_heads", null, "d_kv"));
    double dropout = config.dropout("dropout_rate");
    return StackSpec.of(
            stack,
            sizes,
            EmbeddingSpec.of("shared", sizes.hidden())
                .ownTokens(stack + ".embed_tokens")
                .dropout(dropout),
            i ->
                LayerSpec.of(
                        "block." + i,
                        attention("layer.0.", "SelfAttention", config),
                        feedForward("layer.1.", config))
                    .dropout(dropout),
            NormSpec.rms(config.positive("layer_norm_epsilon", 1e-6)),
            "final_layer_norm")
        .scoreBias(positions(config, stack))
        .dropout(dropout)
        .ignored(
            List.of(
                stack + ".embed_tokens.weight",
                "decoder.block.0.layer.1.EncDecAttention.relative_attention_bias.weight"));
  }

  private static ScoreBiasSpec positions(ModelConfig config, String stack) {
    boolean bothWays = stack.equals("encoder");
    int buckets = config.integer("relative_attention_num_buckets", 32);
    if (buckets < 4) {
      throw config.error("relative_attention_num_buckets", buckets, "4 or more");
    }
    String field = "relative_attention_max_distance";
    int farthest = config.integer(field, 128);
    if (farthest <= buckets / (bothWays ? 4 : 2)) {
      throw config.error(field, farthest, "more than half the buckets of a direction");
    }
    return new ScoreBiasSpec.Relative(
        stack + ".block.0.layer.0.SelfAttention.relative_attention_bias",
        buckets,
        farthest,
        bothWays);
  }

  private static AttentionSpec attention(String layer, String name, ModelConfig config) {
    String module = layer + name;
    return AttentionSpec.of(module, List.of("q", "k", "v"), module + ".o", branch(layer))
        .biases(false)
        .scale(1.0)
        .dropout(config.dropout("dropout_rate"));
  }

  private static FeedForwardSpec feedForward(String layer, ModelConfig config) {
    String module = layer + "DenseReluDense.";
    String kind = config.text("feed_forward_proj", "relu");
    String usual = kind.equals("gated-gelu") ? "gelu_new" : kind.replace("gated-", "");
    return FeedForwardSpec.of(
            kind.startsWith("gated-")
                ? new Network.Gated(module + "wi_0", module + "wi_1", module + "wo")
                : new Network.Plain(module + "wi", module + "wo"),
            config.size("d_ff"),
            Activation.of(config, "dense_act_fn", usual),
            branch(layer))
        .bias(false)
        .dropout(config.dropout("dropout_rate"));
  }

  private static BranchSpec branch(String layer) {
    return BranchSpec.before(layer + "layer_norm");
  }
}
