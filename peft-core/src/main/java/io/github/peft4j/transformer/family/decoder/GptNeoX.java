package io.github.peft4j.transformer.family.decoder;

import com.google.gson.JsonPrimitive;
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
import io.github.peft4j.transformer.family.Sizes;
import io.github.peft4j.transformer.family.StackSpec;
import io.github.peft4j.transformer.rope.RopeSpec;
import java.util.List;
import java.util.stream.IntStream;
import java.util.stream.Stream;

/** GPT-NeoX and Pythia, with parallel branches (Black et al. 2022, arXiv:2204.06745). */
public final class GptNeoX {

  private static final String THETA = "rope_theta";

  /** The family. */
  public static final Family FAMILY = Family.of("gpt_neox", DecoderHeads::gptNeoX, GptNeoX::stack);

  private GptNeoX() {}

  private static StackSpec stack(ModelConfig config, String body) {
    config.require("is_decoder", config.flag("is_decoder", false), false);
    Sizes sizes =
        Sizes.of(
            config,
            new Sizes.Fields(
                "hidden_size", "num_hidden_layers", "num_attention_heads", null, null));
    double dropout = config.dropout("hidden_dropout");
    AttentionSpec attention =
        AttentionSpec.of(
                "attention",
                List.of("query_key_value"),
                "attention.dense",
                BranchSpec.before("input_layernorm"))
            .fused(Fused.GROUPED)
            .biases(config.flag("attention_bias", true))
            .rope(rope(config, sizes.head()))
            .dropout(config.dropout("attention_dropout"));
    FeedForwardSpec feedForward =
        FeedForwardSpec.of(
            new Network.Plain("mlp.dense_h_to_4h", "mlp.dense_4h_to_h"),
            config.size("intermediate_size"),
            Activation.of(config, "hidden_act", "gelu"),
            BranchSpec.before("post_attention_layernorm"));
    boolean parallel = config.flag("use_parallel_residual", true);
    StackSpec stack =
        StackSpec.of(
            body,
            sizes,
            EmbeddingSpec.of(body + ".embed_in", sizes.hidden()).dropout(dropout),
            i ->
                LayerSpec.of("layers." + i, attention, feedForward)
                    .residual(parallel ? Residual.PARALLEL : Residual.SEQUENTIAL)
                    .dropout(dropout),
            NormSpec.layer(config.positive("layer_norm_eps", 1e-5)),
            "final_layer_norm");
    return stack
        .limit(config.size("max_position_embeddings"))
        .ignored(masks(stack.prefix(), sizes.layers()));
  }

  /** The parameters have names of their own in older configs: rotary_pct and rotary_emb_base. */
  private static RopeSpec rope(ModelConfig config, int head) {
    ModelConfig rope = config.ropeParameters();
    double theta = config.positive("rotary_emb_base", 10_000);
    return RopeSpec.partial(
        config,
        rope.has(THETA) ? rope : rope.with(THETA, new JsonPrimitive(theta)),
        head,
        config.positive("rotary_pct", 0.25));
  }

  /** Older checkpoints have the causal mask. */
  private static List<String> masks(String prefix, int layers) {
    return IntStream.range(0, layers)
        .mapToObj(i -> prefix + "layers." + i + ".attention.")
        .flatMap(module -> Stream.of(module + "bias", module + "masked_bias"))
        .toList();
  }
}
