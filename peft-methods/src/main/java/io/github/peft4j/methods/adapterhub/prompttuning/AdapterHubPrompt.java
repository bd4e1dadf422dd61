package io.github.peft4j.methods.adapterhub.prompttuning;

import ai.djl.ndarray.NDArray;
import io.github.peft4j.tuner.Forward;
import io.github.peft4j.tuner.Trainable;
import io.github.peft4j.tuner.TunerLayer;
import io.github.peft4j.tuner.site.InputSite;
import io.github.peft4j.tuner.site.Sequence;

/** [P; e(x)], with n trainable vectors P [n, d] before the embedded sequence e(x) (B, T, d). */
final class AdapterHubPrompt extends TunerLayer<InputSite.Tokens, Sequence>
    implements InputSite.Prepending {

  private final Trainable prompt;

  /** Creates a prompt with this initial value (n, d). */
  AdapterHubPrompt(NDArray initial) {
    this.prompt = trainable("prompt_embedding.weight", initial);
  }

  @Override
  public long virtualTokens() {
    return prompt.value().getShape().get(0);
  }

  @Override
  public String whyOneTextPerRow() {
    return "prompt tuning puts virtual tokens in front of a row";
  }

  @Override
  public Sequence forward(InputSite.Tokens tokens, Forward<InputSite.Tokens, Sequence> base) {
    return base.forward(tokens).prependEmbedded(prompt.value());
  }
}
