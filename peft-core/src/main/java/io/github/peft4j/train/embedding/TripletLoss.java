package io.github.peft4j.train.embedding;

import ai.djl.ndarray.NDArray;
import io.github.peft4j.kernel.Kernel;

/**
 * The negative is to be farther from the anchor than the positive, by a margin m: Σ max(d(a, p) −
 * d(a, n) + m, 0); the mean over examples is minimised. See Hermans et al. 2017, arXiv:1703.07737.
 *
 * @param distance d; Euclidean by default
 * @param margin m, above 0; 5 by default, which is more than vectors of length 1 can be apart
 */
public record TripletLoss(Distance distance, double margin) implements EmbeddingLoss {

  private static final Kernel HINGE =
      Kernel.of(
          """
          def hinge(positive: Tensor, negative: Tensor) -> Tensor:             # (n), (n)
              return torch.sum(torch.relu(torch.add(torch.sub(positive, negative), {margin})))
          """);

  /** Checks the margin. */
  public TripletLoss {
    Checks.requireMargin(margin);
  }

  /** The loss with Euclidean distance and a margin of 5. */
  public TripletLoss() {
    this(Distance.EUCLIDEAN, 5);
  }

  @Override
  public Texts texts() {
    return Texts.TRIPLETS;
  }

  @Override
  public boolean isSumOfExamples() {
    return true;
  }

  @Override
  public NDArray loss(TextVectors vectors) {
    NDArray anchor = vectors.text(0);
    return HINGE
        .with("margin", margin)
        .call(distance.of(anchor, vectors.text(1)), distance.of(anchor, vectors.text(2)));
  }

  @Override
  public String toString() {
    return "triplet loss with margin %s, %s distance".formatted(margin, distance.words());
  }
}
