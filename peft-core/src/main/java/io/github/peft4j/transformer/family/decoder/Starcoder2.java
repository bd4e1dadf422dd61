package io.github.peft4j.transformer.family.decoder;

import io.github.peft4j.transformer.activation.Activation;
import io.github.peft4j.transformer.config.ModelConfig;
import io.github.peft4j.transformer.config.Task;
import io.github.peft4j.transformer.family.BranchSpec;
import io.github.peft4j.transformer.family.DecoderHeads;
import io.github.peft4j.transformer.family.Family;
import io.github.peft4j.transformer.family.FeedForwardSpec;
import io.github.peft4j.transformer.family.FeedForwardSpec.Network;
import io.github.peft4j.transformer.family.NormSpec;
import io.github.peft4j.transformer.family.StackSpec;

/**
 * StarCoder2: layer norms, a plain feed-forward network, a window (Lozhkov et al. 2024,
 * arXiv:2402.19173).
 */
public final class Starcoder2 {

  /** The family. */
  public static final Family FAMILY =
      Llama.FAMILY
          .like(
              "starcoder2",
              DecoderHeads.llama("Starcoder2", Task.Type.SEQ_CLS, Task.Type.TOKEN_CLS),
              Starcoder2::change)
          .ignores(
              "activation_function",
              "attention_softmax_in_fp32",
              "layer_norm_epsilon",
              "mlp_type",
              "norm_type",
              "scale_attention_softmax_in_fp32",
              "scale_attn_weights");

  private Starcoder2() {}

  private static StackSpec change(StackSpec stack, ModelConfig config) {
    boolean bias = config.flag("use_bias", true);
    double dropout = config.dropout("residual_dropout");
    FeedForwardSpec network =
        FeedForwardSpec.of(
                new Network.Plain("mlp.c_fc", "mlp.c_proj"),
                config.size("intermediate_size"),
                Activation.of(config, "hidden_act", "gelu_pytorch_tanh"),
                BranchSpec.before("post_attention_layernorm"))
            .bias(bias);
    return Mistral.windowed(stack, config, null)
        .embedding(stack.embedding().dropout(config.dropout("embedding_dropout")))
        .norm(NormSpec.layer(config.positive("norm_epsilon", 1e-5)))
        .eachLayer(
            (i, layer) ->
                layer
                    .attention(layer.attention().biases(bias))
                    .feedForward(network)
                    .dropout(dropout));
  }
}
