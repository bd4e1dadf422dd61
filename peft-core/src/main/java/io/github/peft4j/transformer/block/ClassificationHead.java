package io.github.peft4j.transformer.block;

import ai.djl.ndarray.NDArray;
import ai.djl.ndarray.types.Shape;
import io.github.peft4j.transformer.pass.LossTargets;
import io.github.peft4j.transformer.pass.Pass;
import io.github.peft4j.tuner.ForwardContext;
import java.util.List;
import java.util.function.BiFunction;

/** The head for sequence or token classification: features, and a linear map to the classes. */
public final class ClassificationHead extends Head {

  private final BiFunction<NDArray, Pass, NDArray> features;
  private final Linear classifier;
  private final boolean perToken;

  /**
   * Creates a head.
   *
   * @param parts the blocks that the features use
   * @param features (B, T, D) → (B, D), or (B, T, D) for token classification
   */
  public ClassificationHead(
      List<Linear> parts,
      BiFunction<NDArray, Pass, NDArray> features,
      Linear classifier,
      boolean perToken) {
    super("");
    parts.forEach(this::part);
    this.features = features;
    this.classifier = part(classifier);
    this.perToken = perToken;
  }

  @Override
  protected NDArray features(NDArray hidden, Pass pass) {
    return features.apply(hidden, pass);
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
      long[] rows = new long[classes.classes().length];
      for (int i = 0; i < rows.length; i++) {
        rows[i] = i;
      }
      return new LossTargets.Rows(rows, classes.classes());
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
