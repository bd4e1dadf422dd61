package io.github.peft4j.transformer.block;

import ai.djl.ndarray.NDArray;
import io.github.peft4j.kernel.Kernel;
import io.github.peft4j.kernel.Ops;
import io.github.peft4j.transformer.pass.ModelInput;
import io.github.peft4j.transformer.pass.Pass;
import io.github.peft4j.tuner.ForwardContext;
import io.github.peft4j.tuner.site.ActiveAdapters;
import io.github.peft4j.tuner.site.EmbeddingSite;
import io.github.peft4j.tuner.site.HiddenSite;
import io.github.peft4j.tuner.site.InputSite;
import io.github.peft4j.tuner.site.Sequence;
import java.util.Objects;
import java.util.stream.Stream;
import org.jspecify.annotations.Nullable;

/**
 * Computes the first hidden state: ids (B, T) → (B, n + T, D) with n virtual tokens. It is the
 * token vectors, plus learned positions and segments, and a norm, depending on the family.
 */
public final class InputEmbedding extends NamedBlock {

  private static final Kernel FIRST_SEGMENT =
      Kernel.of(
          """
          def first_segment(x: Tensor) -> Tensor:                # x (B, T, D) → (B, 1)
              return torch.zeros([torch.size(x, 0), 1], dtype=4, layout=None, device=x.device)
          """);

  private static final Kernel ZERO_PADDING =
      Kernel.of(
          """
          def zero_padding(x: Tensor, mask: Tensor) -> Tensor:   # x (B, T, D), mask (B, T)
              return torch.mul(x, torch.unsqueeze(mask.to(x.dtype), 2))
          """);

  /** A factor is rounded to the type of the vectors, as transformers does. */
  private static final Kernel SCALE =
      Kernel.of(
          """
          def scale(x: Tensor) -> Tensor:
              return torch.mul(x, torch.mul(torch.ones([], dtype=x.dtype, layout=None, device=x.device), {factor}))
          """);

  /**
   * The table of tokens.
   *
   * @param owned whether the table is a child of this block and not of another stack
   * @param ownName the table's second name, below this stack, if it has one
   * @param scale factor of a token's vector
   */
  public record Tokens(Embedding table, boolean owned, @Nullable String ownName, double scale) {}

  /**
   * What is added to tokens, and done with the sum.
   *
   * @param scale factor of the tokens' vectors, virtual ones included
   * @param textScale another factor, if there are no virtual tokens
   * @param tokenProjection of the tokens' vectors to the hidden size, before all the rest, or null
   * @param projection of the normed sum to the hidden size, or null
   * @param zeroPadding whether the vectors of padding are 0
   * @param dropout probability in training
   */
  public record Sum(
      double scale,
      double textScale,
      @Nullable Linear tokenProjection,
      @Nullable AbsolutePositions positions,
      @Nullable Embedding types,
      @Nullable Norm norm,
      @Nullable Linear projection,
      boolean zeroPadding,
      double dropout) {}

  private final Tokens tokens;
  private final Sum sum;
  private final InputSite site;
  private final HiddenSite first;

  /**
   * Creates an embedding.
   *
   * @param stack the stack's name
   * @param relative whether positions are relative
   */
  public InputEmbedding(String stack, Tokens tokens, Sum sum, boolean relative) {
    super(stack + ".input");
    this.tokens = tokens;
    this.sum = sum;
    if (tokens.owned()) {
      part(tokens.table());
    }
    Stream.of(sum.tokenProjection(), sum.positions(), sum.types(), sum.norm(), sum.projection())
        .filter(Objects::nonNull)
        .forEach(this::part);
    EmbeddingSite table = tokens.table().site();
    this.site =
        publish(
            new InputSite(
                name(), stack, table, tokens.ownName(), relative, tokens.scale(), this::vectors));
    long dimension =
        Stream.of(sum.projection(), sum.tokenProjection())
            .filter(Objects::nonNull)
            .map(map -> map.site().outFeatures())
            .findFirst()
            .orElse(table.dimension());
    this.first =
        publish(new HiddenSite(stack + ".embedded", HiddenSite.Kind.FIRST, stack, dimension));
  }

  private NDArray vectors(NDArray ids, ForwardContext context) {
    return scaled(tokens.table().forward(ids, context), tokens.scale());
  }

  private static NDArray scaled(NDArray x, double factor) {
    return factor == 1 ? x : SCALE.with("factor", factor).call(x);
  }

  /** Computes the first hidden state and records masks and positions in the pass. */
  NDArray forward(ModelInput input, Pass pass, boolean causal) {
    Sequence entered =
        site.forward(
            new InputSite.Tokens(input.ids(), input.mask(), input.types(), pass.before()), pass);
    NDArray x = embed(entered.embedding(), pass, causal);
    if (entered.prompt().embedded() == null) {
      return x;
    }
    Sequence whole = entered.embeddedAs(x);
    pass.enter(whole, causal);
    return whole.vectors();
  }

  /** Adds positions and segments to vectors, normalises and projects them. */
  private NDArray embed(Sequence sequence, Pass pass, boolean causal) {
    pass.enter(sequence, causal);
    boolean text = sequence.prompt().count() == 0;
    NDArray x = scaled(sequence.vectors(), text ? sum.scale() * sum.textScale() : sum.scale());
    Linear projection = sum.tokenProjection();
    x = projection == null ? x : projection.forward(x, pass);
    if (sum.types() != null) {
      NDArray types = sequence.types();
      x = Ops.add(x, sum.types().forward(types == null ? FIRST_SEGMENT.call(x) : types, pass));
    }
    if (sum.positions() != null) {
      x = sum.positions().add(x, sequence, pass);
    }
    x = sum.norm() == null ? x : sum.norm().forward(x, pass);
    NDArray mask = sequence.mask();
    if (sum.zeroPadding() && mask != null) {
      x = ZERO_PADDING.call(x, mask);
    }
    x = pass.drop(x, sum.dropout());
    return first.forward(sum.projection() == null ? x : sum.projection().forward(x, pass), pass);
  }

  /** The number of vectors that adapters prepend to each sequence. */
  long virtualTokens(ActiveAdapters active) {
    return site.virtualTokens(active);
  }

  /** The number of positions that adapters take from each sequence. */
  long positionsTaken(ActiveAdapters active) {
    return site.positionsTaken(active);
  }

  Embedding tokens() {
    return tokens.table();
  }
}
