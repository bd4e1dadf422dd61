package io.github.peft4j.transformer.block;

import ai.djl.ndarray.NDArray;
import io.github.peft4j.kernel.Kernel;
import io.github.peft4j.kernel.Ops;
import io.github.peft4j.kernel.Tensors;
import io.github.peft4j.transformer.pass.PackedTexts;
import io.github.peft4j.transformer.pass.Pass;
import io.github.peft4j.tuner.site.Sequence;
import org.jspecify.annotations.Nullable;

/** Vectors that are added to those of tokens, by position: a learned table, or sines. */
public final class AbsolutePositions extends NamedBlock {

  // Ids for each row, although rows are equal, because adapters may differ by row.
  private static final Kernel IN_SEQUENCE =
      Kernel.of(
          """
          def positions(x: Tensor, start: Tensor) -> Tensor:     # x (B, T, D) → (B, T)
              end = int(start) + torch.size(x, 1)
              row = torch.arange(int(start), end, dtype=4, layout=None, device=x.device)
              return torch.expand(row, [torch.size(x, 0), -1])
          """);
  private static final Kernel BY_ID =
      Kernel.of(
          """
          def positions(ids: Tensor, padding: Tensor, start: Tensor) -> Tensor:
              real = torch.ne(ids, int(padding)).to(4)           # (B, T)
              counts = torch.add(torch.cumsum(real, 1), start)
              return torch.sub(torch.mul(counts, real), 1)       # of padding -1
          """);

  /** The same in each text of a row. */
  private static final Kernel BY_ID_IN_TEXTS =
      Kernel.of(
          """
          def positions(ids: Tensor, padding: Tensor, start: Tensor, first: Tensor) -> Tensor:
              real = torch.ne(ids, int(padding)).to(4)           # (B, T)
              counts = torch.cumsum(real, 1)
              before = torch.gather(torch.sub(counts, real), 1, first)
              counts = torch.add(torch.sub(counts, before), start)
              return torch.sub(torch.mul(counts, real), 1)       # of padding -1
          """);

  /** A masked token has the position before the first. */
  private static final Kernel UNMASKED =
      Kernel.of(
          """
          def positions(x: Tensor, mask: Tensor, shift: Tensor) -> Tensor:    # mask (B, S) → (B, T)
              real = mask.to(4)
              counted = torch.sub(torch.add(torch.cumsum(real, 1), int(shift)), 1)
              all = torch.where(torch.eq(real, 0), torch.full_like(real, -1), counted)
              t = torch.size(x, 1)
              return torch.narrow(all, 1, torch.size(all, 1) - t, t)
          """);

  /** transformers keeps the table in 32 bits, from values in 64. */
  private static final Kernel SINES =
      Kernel.of(
          """
          def sines(x: Tensor, positions: Tensor) -> Tensor:     # x (B, T, D), (B, T) → (B, T, D)
              d = torch.size(x, 2)
              half = (d + 1) // 2
              index = torch.arange(d, dtype=7, layout=None, device=x.device)
              pair = torch.where(torch.lt(index, half), index, torch.sub(index, half))
              angle = torch.mul(torch.unsqueeze(positions.to(7), 2), torch.pow(10000, torch.div(torch.mul(pair, -2), d)))
              return torch.where(torch.lt(index, half), torch.sin(angle), torch.cos(angle)).to(6).to(x.dtype)
          """);

  /** Which tokens count. */
  public enum Counting {
    /** All: a token's position is its column. */
    ALL,
    /** Those that the mask leaves (OPT). */
    UNMASKED,
    /**
     * Those whose id is not that of padding. The table has padding's vector at its id, and those of
     * the other tokens behind it (RoBERTa).
     */
    NOT_PADDING
  }

  private final @Nullable Embedding table;
  private final long limit;
  private final long offset;
  private final Counting counting;

  private AbsolutePositions(
      String name, @Nullable Embedding table, long limit, long offset, Counting counting) {
    super(name);
    this.table = table == null ? null : part(table);
    this.limit = limit;
    this.offset = offset;
    this.counting = counting;
  }

  /**
   * A learned table.
   *
   * @param offset index of the first position's vector
   */
  public static AbsolutePositions learned(Embedding table, long offset, Counting counting) {
    return new AbsolutePositions(table.name(), table, table.entries() - offset, offset, counting);
  }

  /**
   * Sines in the first half of the dimensions, cosines in the second.
   *
   * @param limit number of positions
   */
  public static AbsolutePositions sinusoidal(String name, long limit) {
    return new AbsolutePositions(name, null, limit, 0, Counting.ALL);
  }

  /**
   * Adds positions to vectors x (B, T, D).
   *
   * @throws IllegalArgumentException if the sequence has more positions than the model
   */
  NDArray add(NDArray x, Sequence sequence, Pass pass) {
    NDArray positions = positions(x, sequence, pass);
    Embedding learned = table;
    return Ops.add(
        x, learned == null ? SINES.call(x, positions) : learned.forward(shifted(positions), pass));
  }

  private NDArray shifted(NDArray positions) {
    return offset == 0 ? positions : Ops.add(positions, Tensors.scalar(offset));
  }

  private NDArray positions(NDArray x, Sequence sequence, Pass pass) {
    NDArray byRow = pass.positions();
    long start = sequence.positions().start();
    long end = pass.end();
    boolean padded =
        byRow != null && sequence.positions().past() > 0; // the end is no position then
    if (end > limit && !padded) {
      throw new IllegalArgumentException(
          "a sequence of "
              + end
              + " tokens (virtual ones included) is longer than the "
              + limit
              + " positions that the model was trained with; truncate the input"
              + " (maxLength) or take a model with more positions");
    }
    PackedTexts texts = pass.texts();
    if (texts != null && counting == Counting.NOT_PADDING) {
      return BY_ID_IN_TEXTS.call(
          pass.ids(), Tensors.scalar(offset - 1), Tensors.scalar(start), texts.before());
    }
    NDArray mask = sequence.mask();
    boolean endsAtToken = !pass.isRepeated(); // then the mask has places behind the last token
    if (counting == Counting.UNMASKED && mask != null && texts == null && endsAtToken) {
      return UNMASKED.call(x, mask, Tensors.scalar(sequence.positions().shift()));
    }
    if (byRow != null) {
      return byRow;
    }
    if (counting == Counting.NOT_PADDING && sequence.prompt().count() == 0) {
      return BY_ID.call(pass.ids(), Tensors.scalar(offset - 1), Tensors.scalar(start));
    }
    return IN_SEQUENCE.call(x, Tensors.scalar(start));
  }
}
