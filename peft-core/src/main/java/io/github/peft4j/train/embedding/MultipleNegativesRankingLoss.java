package io.github.peft4j.train.embedding;

import ai.djl.ndarray.NDArray;
import io.github.peft4j.kernel.Kernel;
import io.github.peft4j.withers.Withers;
import java.util.Locale;

/**
 * In-batch negatives: each anchor is to be more similar to its own positive than to all other
 * positives and negatives of the batch. Also known as InfoNCE.
 *
 * <p>−Σ_i log (e^(s · sim(a_i, p_i)) / Σ_j e^(s · sim(a_i, c_j))), where c are the positives and
 * negatives of all examples; the mean over examples is minimised. See van den Oord et al. 2018,
 * arXiv:1807.03748, and Henderson et al. 2017, arXiv:1705.00652. The symmetric variant adds the
 * same for each positive among the anchors and halves the sum, see Günther et al. 2023,
 * arXiv:2310.19923.
 *
 * <p>A larger batch has more negatives and is a harder task: the loss of a validation depends on
 * its batches. Negatives come from the forward batch alone; those of {@code accumulate(n)} do not
 * see each other. A text that occurs twice in a batch is a false negative: {@code
 * FineTuner.withoutDuplicates()} keeps such examples apart.
 *
 * @param scale s, the inverse of the temperature, above 0; 20 by default
 * @param similarity sim; the cosine by default. With the dot product, take scale 1
 * @param symmetric whether positives are compared with all anchors, too
 */
@Withers
public record MultipleNegativesRankingLoss(double scale, Similarity similarity, boolean symmetric)
    implements EmbeddingLoss, MultipleNegativesRankingLossWithers {

  private static final Kernel RANKING =
      Kernel.of(
          """
          def unit(x: Tensor) -> Tensor:
              return torch.div(x, torch.clamp(torch.norm(x, 2, [1], True), 1e-12))
          def similarities(x: Tensor, y: Tensor) -> Tensor:         # (n, D), (m, D) → (n, m)
              if {cosine}:
                  return torch.matmul(unit(x), torch.t(unit(y)))
              return torch.matmul(x, torch.t(y))
          def entropy(scores: Tensor) -> Tensor:                    # row i belongs to column i
              return torch.sum(torch.sub(torch.logsumexp(scores, [1]), torch.diagonal(scores)))
          def ranking(anchors: Tensor, candidates: Tensor) -> Tensor:   # (n, D), ((k - 1) n, D)
              scores = torch.mul(similarities(anchors, candidates), {scale})
              loss = entropy(scores)
              if {symmetric}:
                  own = torch.narrow(scores, 1, 0, torch.size(scores, 0))
                  loss = torch.div(torch.add(loss, entropy(torch.t(own))), 2)
              return loss
          """);

  /** How similar two vectors are. */
  public enum Similarity {
    /** The cosine of their angle. */
    COSINE,
    /** Their dot product. */
    DOT
  }

  /** Checks the scale. */
  public MultipleNegativesRankingLoss {
    Checks.require(scale);
  }

  /** The loss with sentence-transformers' defaults: twenty times the cosine, not symmetric. */
  public MultipleNegativesRankingLoss() {
    this(20, Similarity.COSINE, false);
  }

  @Override
  public Texts texts() {
    return Texts.ANCHORS;
  }

  @Override
  public NDArray loss(TextVectors vectors) {
    return RANKING
        .with("scale", scale)
        .with("cosine", similarity == Similarity.COSINE)
        .with("symmetric", symmetric)
        .call(vectors.text(0), vectors.others());
  }

  @Override
  public String toString() {
    return "multiple negatives ranking loss with scale %s, %s similarity%s"
        .formatted(
            scale,
            similarity.name().toLowerCase(Locale.ROOT).replace('_', ' '),
            symmetric ? ", symmetric" : "");
  }
}
