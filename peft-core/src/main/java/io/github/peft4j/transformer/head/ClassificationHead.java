package io.github.peft4j.transformer.head;

import ai.djl.ndarray.NDArray;
import ai.djl.ndarray.types.Shape;
import io.github.peft4j.transformer.block.Linear;
import io.github.peft4j.transformer.loss.LabelLoss;
import io.github.peft4j.transformer.pass.LossTargets;
import io.github.peft4j.transformer.pass.Pass;
import io.github.peft4j.tuner.ForwardContext;
import java.util.function.BiFunction;
import java.util.stream.LongStream;

/**
 * The head for sequence or token classification: pooling, steps, and a linear map to the classes.
 */
public final class ClassificationHead extends Head {

  private final BiFunction<NDArray, Pass, NDArray> pooling;
  private final HeadSteps steps;
  private final Linear classifier;
  private final boolean perToken;
  private final LabelLoss loss;

  /**
   * Creates a head.
   *
   * @param pooling (B, T, D) → (B, D), or the identity for token classification
   * @param steps between the pooled states and the classifier
   * @param loss of the labels, which are classes for cross entropy, and otherwise values
   */
  public ClassificationHead(
      BiFunction<NDArray, Pass, NDArray> pooling,
      HeadSteps steps,
      Linear classifier,
      boolean perToken,
      LabelLoss loss) {
    super("");
    this.pooling = pooling;
    this.steps = steps;
    steps.parts().forEach(this::part);
    this.classifier = part(classifier);
    this.perToken = perToken;
    this.loss = loss;
  }

  @Override
  public LabelLoss loss() {
    return loss;
  }

  @Override
  protected NDArray features(NDArray hidden, Pass pass) {
    if (!perToken) {
      pass.requireOneTextPerRow("classification of texts");
    }
    return steps.apply(pooling.apply(hidden, pass), pass);
  }

  @Override
  protected NDArray project(NDArray features, ForwardContext context) {
    return classifier.forward(features, context);
  }

  @Override
  public long classes() {
    return classifier.site().outFeatures();
  }

  @Override
  public LossTargets.Rows targets(LossTargets labels, long virtual) {
    if (perToken && labels instanceof LossTargets.Tokens tokens) {
      return LossTargets.targets(tokens.classes(), virtual, 0);
    }
    if (!perToken && labels instanceof LossTargets.Classes classes) {
      long[] rows = LongStream.range(0, classes.classes().length).toArray();
      return LossTargets.Rows.ofClasses(rows, classes.classes());
    }
    if (!perToken && labels instanceof LossTargets.Values values) {
      long[] rows = LongStream.range(0, values.rows()).toArray();
      return LossTargets.Rows.ofValues(rows, values.values());
    }
    throw new IllegalArgumentException(
        (perToken ? "token" : "sequence")
            + " classification cannot be trained with "
            + labels.getClass().getSimpleName());
  }

  @Override
  public Shape logitsShape(Shape input) {
    return perToken
        ? new Shape(input.get(0), input.get(1), classes())
        : new Shape(input.get(0), classes());
  }
}
