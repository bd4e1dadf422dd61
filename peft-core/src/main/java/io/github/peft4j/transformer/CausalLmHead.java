package io.github.peft4j.transformer;

import ai.djl.ndarray.NDArray;
import ai.djl.ndarray.types.Shape;

/** Language modelling: each position's logits over the vocabulary, for the token after it. */
final class CausalLmHead extends Head {

  private final Linear output;
  private final int ahead;

  /**
   * Creates a head.
   *
   * @param ahead 1 if labels are the input itself, 0 if they are the decoder's targets
   */
  CausalLmHead(Linear output, int ahead) {
    super("");
    this.output = part(output);
    this.ahead = ahead;
  }

  @Override
  protected NDArray features(NDArray hidden, Pass pass) {
    return hidden;
  }

  @Override
  protected NDArray project(NDArray features) {
    return output.forward(features);
  }

  @Override
  public long classes() {
    return output.site().outFeatures();
  }

  @Override
  protected Targets.Rows targets(Targets labels, long virtual) {
    if (labels instanceof Targets.NextTokens next) {
      return Targets.targets(next.tokens(), virtual, ahead);
    }
    throw new IllegalArgumentException(
        "a language model needs the tokens as labels, not " + labels.getClass().getSimpleName());
  }

  @Override
  Shape logitsShape(Shape input) {
    return new Shape(input.get(0), input.get(1), classes());
  }
}
