package io.github.peft4j.train.embedding;

import ai.djl.ndarray.NDArray;
import io.github.peft4j.kernel.Kernel;

/**
 * Pairs of texts are to have cosines in the order of their scores: log(1 + Σ e^(s · (cos_i −
 * cos_j))) over all i, j of the batch with score_i &lt; score_j. Sentence-transformers' {@code
 * CoSENTLoss}; see Huang et al. 2024, doi:10.1109/TASLP.2024.3402087.
 *
 * <p>Each forward batch has one loss; the mean over batches is minimised. Only the order of scores
 * matters. A batch whose scores are all the same teaches nothing.
 *
 * @param scale s, the inverse of the temperature, above 0; 20 by default
 */
public record CoSentLoss(double scale) implements EmbeddingLoss {

  private static final Kernel COSENT =
      Kernel.of(
          """
          def cosent(u: Tensor, v: Tensor, scores: Tensor) -> Tensor:          # (n, D), (n, D), (n)
              x = torch.mul(torch.cosine_similarity(u, v, 1, 1e-08), {scale})
              differences = torch.sub(torch.unsqueeze(x, 1), torch.unsqueeze(x, 0))   # x_i - x_j
              other = torch.ge(torch.unsqueeze(scores, 1), torch.unsqueeze(scores, 0))
              terms = torch.reshape(torch.masked_fill(differences, other, -1.0e+30), [-1])
              return torch.logsumexp(torch.constant_pad_nd(terms, [1, 0], 0), [0])
          """);

  /** Checks the scale. */
  public CoSentLoss {
    Checks.require(scale);
  }

  /** The loss with a scale of 20. */
  public CoSentLoss() {
    this(20);
  }

  @Override
  public Texts texts() {
    return Texts.SCORED_PAIRS;
  }

  @Override
  public NDArray loss(TextVectors vectors) {
    return COSENT.with("scale", scale).call(vectors.text(0), vectors.text(1), vectors.scoreArray());
  }

  /** One for each batch. */
  @Override
  public double units(int examples) {
    return 1;
  }

  @Override
  public String toString() {
    return "CoSENT loss with scale " + scale;
  }
}
