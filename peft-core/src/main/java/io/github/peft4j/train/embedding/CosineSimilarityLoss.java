package io.github.peft4j.train.embedding;

import ai.djl.ndarray.NDArray;
import io.github.peft4j.kernel.Kernel;

/**
 * The cosine of two texts is to be their score: Σ (cos(u, v) − score)²; the mean over examples is
 * minimised. See Reimers and Gurevych 2019, arXiv:1908.10084.
 */
public record CosineSimilarityLoss() implements EmbeddingLoss {

  private static final Kernel SQUARED_ERROR =
      Kernel.of(
          """
          def squared_error(u: Tensor, v: Tensor, scores: Tensor) -> Tensor:   # (n, D), (n, D), (n)
              errors = torch.sub(torch.cosine_similarity(u, v, 1, 1e-08), scores)
              return torch.sum(torch.square(errors))
          """);

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
    return SQUARED_ERROR.call(vectors.text(0), vectors.text(1), vectors.scoreArray());
  }

  @Override
  public void check(double score) {
    Checks.requireCosine(score);
  }

  @Override
  public String toString() {
    return "cosine similarity loss";
  }
}
