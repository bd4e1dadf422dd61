package io.github.peft4j.methods.prompttuning;

import ai.djl.ndarray.NDArray;
import io.github.peft4j.kernel.Kernel;
import io.github.peft4j.tuner.Forward;
import io.github.peft4j.tuner.Trainable;
import io.github.peft4j.tuner.TunerLayer;
import io.github.peft4j.tuner.site.InputSite;
import io.github.peft4j.tuner.site.Sequence;

/** [P; x], with n trainable vectors P [n, d] before the sequence x (B, T, d). */
final class Prompt extends TunerLayer<InputSite.Tokens, Sequence> implements InputSite.Prepending {

  private static final Kernel FIRST =
      Kernel.of(
          """
          def first(prompt: Tensor) -> Tensor:                   # (N, d) → (n, d)
              return torch.narrow(prompt, 0, 0, {n})
          """);

  private final Trainable prompt;
  private final Kernel first;
  private final int n;

  /**
   * Creates a prompt.
   *
   * @param initial initial value of P, with n vectors or more
   */
  Prompt(NDArray initial, int n) {
    this.prompt = trainable("prompt_embeddings", initial);
    this.n = n;
    this.first = FIRST.with("n", n);
  }

  @Override
  public long virtualTokens() {
    return n;
  }

  @Override
  public String whyOneTextPerRow() {
    return "prompt tuning puts virtual tokens in front of a row";
  }

  @Override
  public boolean isRepeatable() {
    return true;
  }

  @Override
  public Sequence forward(InputSite.Tokens tokens, Forward<InputSite.Tokens, Sequence> base) {
    return base.forward(tokens).prepend(first.call(prompt.value()));
  }
}
