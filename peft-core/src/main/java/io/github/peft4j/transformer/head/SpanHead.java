package io.github.peft4j.transformer.head;

import ai.djl.ndarray.NDArray;
import ai.djl.ndarray.types.Shape;
import io.github.peft4j.kernel.Kernel;
import io.github.peft4j.transformer.block.Linear;
import io.github.peft4j.transformer.pass.LossTargets;
import io.github.peft4j.transformer.pass.Pass;
import io.github.peft4j.tuner.ForwardContext;

/**
 * The head for extractive question answering: each position's logits (B, T, 2) of being the start
 * and the end of the answer. In the loss each row has two labels, and the classes are the
 * positions.
 */
public final class SpanHead extends Head {

  private static final Kernel POSITIONS =
      Kernel.of(
          """
          def positions(logits: Tensor) -> Tensor:               # (B, T, 2) → (B, 2, T)
              return torch.transpose(logits, 1, 2).contiguous()
          """);

  private final HeadSteps steps;
  private final Linear output;

  /**
   * Creates a head.
   *
   * @param steps between the states and the output map
   * @param output to two logits
   */
  public SpanHead(HeadSteps steps, Linear output) {
    super("");
    this.steps = steps;
    steps.parts().forEach(this::part);
    this.output = part(output);
  }

  @Override
  public NDArray logits(NDArray hidden, Pass pass) {
    pass.requireOneTextPerRow("question answering");
    return output.forward(steps.apply(hidden, pass), pass);
  }

  /** The logits of all positions, first of starts and then of ends: (B, 2, T). */
  @Override
  protected NDArray features(NDArray hidden, Pass pass) {
    return POSITIONS.call(logits(hidden, pass));
  }

  @Override
  protected NDArray project(NDArray features, ForwardContext context) {
    return features;
  }

  @Override
  public long classes() {
    return output.site().outFeatures();
  }

  @Override
  public long choices(long positions) {
    return positions;
  }

  /** None: labels are indices of the logits, so predictions are too. */
  @Override
  public long before(long virtual) {
    return 0;
  }

  /**
   * Starts and ends, by turns. As in PEFT, they are indices of the logits, also with virtual tokens
   * in front.
   */
  @Override
  public LossTargets.Rows targets(LossTargets labels, long virtual) {
    if (labels instanceof LossTargets.Spans spans) {
      return spans.positions(virtual);
    }
    throw new IllegalArgumentException(
        "question answering needs starts and ends as labels, not "
            + labels.getClass().getSimpleName());
  }

  @Override
  public Shape logitsShape(Shape input) {
    return new Shape(input.get(0), input.get(1), 2);
  }
}
