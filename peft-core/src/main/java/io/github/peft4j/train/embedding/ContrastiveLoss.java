package io.github.peft4j.train.embedding;

import ai.djl.ndarray.NDArray;
import io.github.peft4j.kernel.Kernel;

/**
 * Texts that are alike (score 1) are to be near each other, others (score 0) apart by a margin m: ½
 * Σ (y d² + (1 − y) max(m − d, 0)²); the mean over examples is minimised. See Hadsell et al. 2006,
 * doi:10.1109/CVPR.2006.100.
 *
 * @param distance d; 1 − cosine by default
 * @param margin m, above 0; 0.5 by default
 */
public record ContrastiveLoss(Distance distance, double margin) implements EmbeddingLoss {

  private static final Kernel CONTRAST =
      Kernel.of(
          """
          def contrast(d: Tensor, y: Tensor) -> Tensor:                        # (n), (n)
              near = torch.mul(y, torch.square(d))
              far = torch.mul(torch.rsub(y, 1), torch.square(torch.relu(torch.rsub(d, {margin}))))
              return torch.div(torch.sum(torch.add(near, far)), 2)
          """);

  /** Checks the margin. */
  public ContrastiveLoss {
    Checks.requireMargin(margin);
  }

  /** The loss with cosine distance and a margin of 0.5. */
  public ContrastiveLoss() {
    this(Distance.COSINE, 0.5);
  }

  @Override
  public Texts texts() {
    return Texts.SCORED_PAIRS;
  }

  @Override
  public boolean isSumOfExamples() {
    return true;
  }

  @Override
  public NDArray loss(TextVectors vectors) {
    return CONTRAST
        .with("margin", margin)
        .call(distance.of(vectors.text(0), vectors.text(1)), vectors.scoreArray());
  }

  @Override
  public void check(double score) {
    if (score != 0 && score != 1) {
      throw new IllegalArgumentException(
          "the score is "
              + score
              + "; expected 1 for texts that are alike or 0. CosineSimilarityLoss and CoSentLoss"
              + " take scores in between");
    }
  }

  @Override
  public String toString() {
    return "contrastive loss with margin %s, %s distance".formatted(margin, distance.words());
  }
}
