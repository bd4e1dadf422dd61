package io.github.peft4j.methods.ipt;

import ai.djl.ndarray.NDArray;
import ai.djl.ndarray.types.Shape;
import io.github.peft4j.tuner.Declarations;
import io.github.peft4j.tuner.Forward;
import io.github.peft4j.tuner.TunerLayer;
import io.github.peft4j.tuner.site.InputSite;
import io.github.peft4j.tuner.site.Sequence;
import java.util.function.Function;

/** [f(text); x], with virtual tokens f (B, n, d) of each text before its sequence x (B, T, d). */
final class InstancePrompt extends TunerLayer<InputSite.Tokens, Sequence>
    implements InputSite.Prepending {

  private final int n;
  private final PromptSource source;

  /**
   * Creates a prompt.
   *
   * @param source declares f with the tensors of a layer
   */
  InstancePrompt(int n, Function<Declarations, PromptSource> source) {
    this.n = n;
    this.source = source.apply(declarations());
  }

  @Override
  public long virtualTokens() {
    return n;
  }

  @Override
  public String whyOneTextPerRow() {
    return "instance-wise prompt tuning puts virtual tokens of its text in front of a row";
  }

  @Override
  public Sequence forward(InputSite.Tokens tokens, Forward<InputSite.Tokens, Sequence> base) {
    Sequence sequence = base.forward(tokens);
    return tokens.past() > 0
        ? sequence.prepend(placeholder(tokens))
        : sequence.prepend(source.prompts(base.context(), isTraining(base.context())));
  }

  /** The cache holds the prompt, which was made from the first tokens; only its length counts. */
  private NDArray placeholder(InputSite.Tokens tokens) {
    return tokens.ids().getManager().zeros(new Shape(n, 1));
  }
}
