package io.github.peft4j.transformer.head;

import ai.djl.ndarray.NDArray;
import ai.djl.ndarray.types.Shape;
import io.github.peft4j.transformer.pass.LossTargets;
import io.github.peft4j.transformer.pass.Pass;
import io.github.peft4j.tuner.ForwardContext;

/** No head: the last hidden states (B, T, D) themselves. */
public final class FeatureHead extends Head {

  private final long dimension;

  /**
   * Creates a head.
   *
   * @param steps modules that belong to the body but do not change its states, such as BERT's
   *     pooler. They are kept, so that a saved model has them
   * @param dimension D
   */
  public FeatureHead(HeadSteps steps, long dimension) {
    super("");
    steps.parts().forEach(this::part);
    this.dimension = dimension;
  }

  @Override
  protected NDArray features(NDArray hidden, Pass pass) {
    return hidden;
  }

  @Override
  protected NDArray project(NDArray features, ForwardContext context) {
    return features;
  }

  @Override
  public long classes() {
    return dimension;
  }

  @Override
  public LossTargets.Rows targets(LossTargets labels, long virtual) {
    if (labels instanceof LossTargets.None) {
      return LossTargets.Rows.NONE;
    }
    throw new IllegalArgumentException(
        "a model without a head has no loss: load it for a task, such as Task.classification");
  }

  @Override
  public Shape logitsShape(Shape input) {
    return new Shape(input.get(0), input.get(1), dimension);
  }
}
