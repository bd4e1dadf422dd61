package io.github.peft4j.transformer.block;

import ai.djl.ndarray.NDArray;
import io.github.peft4j.kernel.Kernel;
import io.github.peft4j.kernel.Ops;
import io.github.peft4j.kernel.Precision;
import io.github.peft4j.transformer.pass.Pass;
import java.util.Objects;
import java.util.stream.Stream;
import org.jspecify.annotations.Nullable;

/**
 * The terms of disentangled attention (He et al. 2020, arXiv:2006.03654, §3.1). With queries Q and
 * keys K of tokens, Qʳ and Kʳ of relative positions, and δ(i, j) as in {@link RelativeVectors}, the
 * scores are
 *
 * <pre>{@code (Q_i · K_j + Q_i · Kʳ_δ(i,j) + K_j · Qʳ_δ(i,j)) · scale}</pre>
 *
 * <p>This class computes the last two terms, each if the model has it. The paper has δ(j, i) in the
 * last term; the authors' code and transformers have δ(i, j).
 */
public final class DisentangledScores {

  private static final Kernel FOR_EACH_ROW =
      Kernel.of(
          """
          def for_each_row(r: Tensor, x: Tensor) -> Tensor:      # (1, 2k, D) → (B, 2k, D)
              return torch.expand(r, [torch.size(x, 0), -1, -1])
          """);

  private static final String AT =
      """
      def at(places: Tensor, x: Tensor, r: Tensor) -> Tensor:    # (T, T), (B, H, T, d), (1 or B, H, 2k, d)
          scores = torch.matmul(x, torch.transpose(r, 2, 3))     # (B, H, T, 2k)
          t = torch.size(x, 2)
          index = torch.expand(places, [torch.size(x, 0), torch.size(x, 1), t, t])
          return torch.mul(torch.gather(scores, 3, index), {scale})
      """;
  private static final Kernel CONTENT_TO_POSITION =
      Kernel.of(
          AT
              + """
              def scores(query: Tensor, key: Tensor, places: Tensor) -> Tensor:
                  return at(places, query, key)
              """);
  private static final Kernel POSITION_TO_CONTENT =
      Kernel.of(
          AT
              + """
              def scores(key: Tensor, query: Tensor, places: Tensor) -> Tensor:
                  return torch.transpose(at(torch.transpose(places, 0, 1), key, query), 2, 3)
              """);

  /** Padding sees no key, so that all of its weights are equal. */
  private static final Kernel BLIND_PADDING =
      Kernel.of(
              """
          def blind_padding(scores: Tensor, bias: Tensor) -> Tensor:
              blocked = torch.lt(torch.minimum(bias, torch.transpose(bias, 2, 3)), 0)
              lowest = torch.full([], {lowest}, dtype=scores.dtype, layout=None, device=scores.device)
              return torch.where(blocked, lowest, scores)
          """)
          .with("lowest", Precision.lowest("scores"));

  private final QueryKeyValue projections;
  private final Terms terms;
  private final Kernel contentToPosition;
  private final Kernel positionToContent;
  private final double dropout;

  /**
   * Which terms there are.
   *
   * @param query the map from relative positions to Qʳ; null if it is that of Q
   * @param key the map from relative positions to Kʳ; null if it is that of K
   */
  public record Terms(
      boolean contentToPosition,
      boolean positionToContent,
      @Nullable Linear query,
      @Nullable Linear key) {}

  /**
   * Creates the terms of an attention.
   *
   * @param projections of the attention
   * @param scale factor of the scores
   * @param dropout probability with which an element of a relative position's vector is dropped
   */
  public DisentangledScores(QueryKeyValue projections, Terms terms, double scale, double dropout) {
    this.projections = projections;
    this.terms = terms;
    this.contentToPosition = CONTENT_TO_POSITION.with("scale", scale);
    this.positionToContent = POSITION_TO_CONTENT.with("scale", scale);
    this.dropout = dropout;
  }

  /** The maps that only relative positions have. */
  Stream<Linear> parts() {
    return Stream.of(terms.query, terms.key).filter(Objects::nonNull);
  }

  /**
   * Adds the terms to a bias: (B, H, T, T), or (B, 1, T, T) without terms.
   *
   * @param bias of padding (B or 1, 1, 1, T)
   * @param query Q (B, H, T, d)
   * @param key K (B, H, T, d)
   */
  NDArray add(NDArray bias, NDArray query, NDArray key, Pass pass) {
    NDArray sum = bias;
    if (terms.contentToPosition || terms.positionToContent) {
      Pass.Relative relative = pass.relative();
      boolean rowsDiffer = pass.adapters().composition().isByRow();
      NDArray vectors =
          rowsDiffer ? FOR_EACH_ROW.call(relative.vectors(), query) : relative.vectors();
      NDArray r = pass.drop(vectors, dropout);
      if (terms.contentToPosition) {
        NDArray keys =
            terms.key == null
                ? projections.key(r, pass)
                : projections.heads(terms.key.forward(r, pass));
        sum = Ops.add(sum, contentToPosition.call(query, keys, relative.places()));
      }
      if (terms.positionToContent) {
        NDArray queries =
            terms.query == null
                ? projections.query(r, pass)
                : projections.heads(terms.query.forward(r, pass));
        sum = Ops.add(sum, positionToContent.call(key, queries, relative.places()));
      }
    }
    return pass.wholeMask() == null ? sum : BLIND_PADDING.call(sum, bias);
  }
}
