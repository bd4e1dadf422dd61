package io.github.peft4j.transformer.family.decoder;

import io.github.peft4j.transformer.activation.Activation;
import io.github.peft4j.transformer.block.Norm;
import io.github.peft4j.transformer.config.ModelConfig;
import io.github.peft4j.transformer.config.Task;
import io.github.peft4j.transformer.family.DecoderHeads;
import io.github.peft4j.transformer.family.Family;
import io.github.peft4j.transformer.family.NormSpec;
import io.github.peft4j.transformer.family.StackSpec;

/** Gemma: norms of 1 + w, scaled embeddings (Gemma Team 2024, arXiv:2403.08295). */
public final class Gemma {

  /** The family. */
  public static final Family FAMILY =
      Llama.FAMILY.like(
          "gemma",
          DecoderHeads.llama("Gemma", Task.Type.SEQ_CLS, Task.Type.TOKEN_CLS),
          Gemma::change);

  private Gemma() {}

  static StackSpec change(StackSpec stack, ModelConfig config) {
    config.require(
        "use_bidirectional_attention", config.flag("use_bidirectional_attention", false), false);
    return common(stack, config);
  }

  /** What all Gemmas share. */
  static StackSpec common(StackSpec stack, ModelConfig config) {
    String field = config.has("hidden_activation") ? "hidden_activation" : "hidden_act";
    String usual = "gelu_pytorch_tanh";
    // Early configs say "gelu", but transformers computes the tanh approximation.
    boolean early = field.equals("hidden_act") && config.text(field, usual).equals("gelu");
    Activation activation =
        early ? Activation.GELU_PYTORCH_TANH : Activation.of(config, field, usual);
    return stack
        .embedding(stack.embedding().tableScale(Math.sqrt(stack.sizes().hidden())))
        .norm(new NormSpec(Norm.Kind.RMS_ONE_PLUS, false, config.positive("rms_norm_eps", 1e-6)))
        .eachFeedForward(f -> f.activation(activation));
  }
}
