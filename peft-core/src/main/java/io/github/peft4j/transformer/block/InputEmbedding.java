package io.github.peft4j.transformer.block;

import ai.djl.ndarray.NDArray;
import io.github.peft4j.kernel.Kernel;
import io.github.peft4j.kernel.Ops;
import io.github.peft4j.kernel.Tensors;
import io.github.peft4j.transformer.pass.ModelInput;
import io.github.peft4j.transformer.pass.Pass;
import io.github.peft4j.tuner.site.ActiveAdapters;
import io.github.peft4j.tuner.site.HiddenSite;
import io.github.peft4j.tuner.site.InputSite;
import io.github.peft4j.tuner.site.Sequence;
import org.jspecify.annotations.Nullable;

/**
 * Computes the first hidden state: ids (B, T) → (B, n + T, D) with n virtual tokens. It is the
 * token vectors, plus learned positions and segments, and a norm, depending on the family.
 */
public final class InputEmbedding extends NamedBlock {

  // Ids for each row, although rows are equal, because adapters may differ by row.
  private static final Kernel POSITIONS =
      Kernel.of(
          """
          def positions(x: Tensor, start: Tensor) -> Tensor:     # x (B, T, D) → (B, T)
              end = int(start) + torch.size(x, 1)
              row = torch.arange(int(start), end, dtype=4, layout=None, device=x.device)
              return torch.expand(row, [torch.size(x, 0), -1])
          """);
  private static final Kernel FIRST_SEGMENT =
      Kernel.of(
          """
          def first_segment(x: Tensor) -> Tensor:                # x (B, T, D) → (B, 1)
              return torch.zeros([torch.size(x, 0), 1], dtype=4, layout=None, device=x.device)
          """);
  private final Embedding tokens;
  private final @Nullable Embedding positions;
  private final @Nullable Embedding types;
  private final @Nullable Norm norm;
  private final long positionOffset;
  private final double dropout;
  private final InputSite site;
  private final HiddenSite first;

  /**
   * Creates an embedding.
   *
   * @param stack the stack's name
   * @param owned whether the token table is a child of this block and not of another stack
   * @param ownTokens the table's second name, below this stack, if it has one
   * @param relative whether positions are relative
   */
  public InputEmbedding(
      String stack,
      Embedding tokens,
      boolean owned,
      @Nullable String ownTokens,
      boolean relative,
      @Nullable Embedding positions,
      long positionOffset,
      @Nullable Embedding types,
      @Nullable Norm norm,
      double dropout) {
    super(stack + ".input");
    this.tokens = owned ? part(tokens) : tokens;
    this.positions = positions == null ? null : part(positions);
    this.types = types == null ? null : part(types);
    this.norm = norm == null ? null : part(norm);
    this.positionOffset = positionOffset;
    this.dropout = dropout;
    this.site =
        publish(new InputSite(name(), stack, tokens.site(), ownTokens, relative, tokens::forward));
    long dimension = tokens.site().dimension();
    this.first =
        publish(new HiddenSite(stack + ".embedded", HiddenSite.Kind.FIRST, stack, dimension));
  }

  /** Computes the first hidden state and records masks and positions in the pass. */
  NDArray forward(ModelInput input, Pass pass, boolean causal) {
    Sequence entered =
        site.forward(
            new InputSite.Tokens(input.ids(), input.mask(), input.types(), pass.past()), pass);
    NDArray x = embed(input.ids(), entered.embedding(), pass, causal);
    if (entered.prompt().embedded() == null) {
      return x;
    }
    Sequence whole = entered.embeddedAs(x);
    pass.enter(input.ids(), whole, causal);
    return whole.vectors();
  }

  /** Adds positions and segments to vectors and normalises them. */
  private NDArray embed(NDArray tokens, Sequence sequence, Pass pass, boolean causal) {
    pass.enter(tokens, sequence, causal);
    NDArray x = sequence.vectors();
    if (types != null) {
      NDArray ids = sequence.types();
      x = Ops.add(x, types.forward(ids == null ? FIRST_SEGMENT.call(x) : ids, pass));
    }
    NDArray places = pass.positions();
    if (positions != null) {
      long start = sequence.positions().start() + positionOffset;
      long end = start + x.getShape().get(1);
      boolean padded =
          places != null && sequence.positions().past() > 0; // then the end is not a position
      if (end > positions.entries() && !padded) {
        throw new IllegalArgumentException(
            "a sequence of "
                + (end - positionOffset)
                + " tokens (virtual ones included) is longer than the "
                + (positions.entries() - positionOffset)
                + " positions that the model was trained with; truncate the input"
                + " (maxLength) or take a model with more positions");
      }
      NDArray ids =
          places == null
              ? POSITIONS.call(x, Tensors.scalar(start))
              : Ops.add(places, Tensors.scalar(positionOffset));
      x = Ops.add(x, positions.forward(ids, pass));
    }
    return first.forward(pass.drop(norm == null ? x : norm.forward(x, pass), dropout), pass);
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
    return tokens;
  }
}
