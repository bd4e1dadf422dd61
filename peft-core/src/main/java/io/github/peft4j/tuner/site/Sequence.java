package io.github.peft4j.tuner.site;

import ai.djl.ndarray.NDArray;
import io.github.peft4j.kernel.Kernel;
import io.github.peft4j.tuner.Joining;
import org.jspecify.annotations.Nullable;

/**
 * A sequence of vectors on its way into a stack.
 *
 * @param vectors (B, n + T, d)
 * @param mask (B, past + n + T), or null if every position counts
 * @param types segment ids (B, n + T), or null
 * @param positions of the vectors
 * @param prompt the virtual tokens
 */
public record Sequence(
    NDArray vectors,
    @Nullable NDArray mask,
    @Nullable NDArray types,
    Positions positions,
    Prompt prompt) {

  /**
   * The virtual tokens of a sequence, which stand for no token of the text.
   *
   * @param count n, how many of the vectors are virtual; they come first
   * @param embedded (B, n', d), virtual tokens that are put in front after the embedding layer, or
   *     null
   */
  public record Prompt(long count, @Nullable NDArray embedded) {

    static final Prompt NONE = new Prompt(0, null);

    /** n', or 0. */
    long embeddedCount() {
      return embedded == null ? 0 : embedded.getShape().get(1);
    }
  }

  static final Joining<Sequence> ROWS = new SequenceRows();

  private static final Kernel PREPEND =
      Kernel.of(
          """
          def prepend(x: Tensor, first: Tensor) -> Tensor:   # x (B, T, d), first (n, d) or (B, n, d)
              shape = [torch.size(x, 0), torch.size(first, -2), torch.size(x, 2)]
              return torch.cat([torch.expand(first.to(x.dtype), shape), x], 1)
          """);
  private static final Kernel PAD =
      Kernel.of(
          """
          def pad(mask: Tensor, first: Tensor) -> Tensor:    # mask (B, T)
              return torch.constant_pad_nd(mask, [torch.size(first, -2), 0], {value})
          """);
  private static final Kernel NONE =
      Kernel.of(
          """
          def none(x: Tensor) -> Tensor:                     # (B, T, d) → (B, 0, d)
              return torch.narrow(x, 1, 0, 0)
          """);
  private static final Kernel JOIN =
      Kernel.of(
          """
          def join(first: Tensor, x: Tensor) -> Tensor:      # (B, n, d), (B, T, d)
              return torch.cat([first.to(x.dtype), x], 1)
          """);
  private static final Kernel PAD_ROWS =
      Kernel.of(
          """
          def pad(mask: Tensor, first: Tensor) -> Tensor:    # mask (B, T), first (B, n, d)
              return torch.constant_pad_nd(mask, [torch.size(first, 1), 0], 1)
          """);
  private static final Kernel PAD_ONES = PAD.with("value", 1);
  private static final Kernel PAD_ZEROS = PAD.with("value", 0);

  /**
   * A sequence without virtual tokens.
   *
   * @param past number of positions that a cache holds already
   */
  static Sequence of(NDArray vectors, @Nullable NDArray mask, @Nullable NDArray types, long past) {
    return new Sequence(vectors, mask, types, Positions.after(past), Prompt.NONE);
  }

  private Sequence with(Positions positions) {
    return new Sequence(vectors, mask, types, positions, prompt);
  }

  private Sequence with(Prompt prompt) {
    return new Sequence(vectors, mask, types, positions, prompt);
  }

  private Sequence with(NDArray vectors, @Nullable NDArray mask) {
    return new Sequence(vectors, mask, types, positions, prompt);
  }

  private boolean isCached() {
    return positions.past() > 0;
  }

  /**
   * The sequence with virtual tokens in front. All positions attend to them; they are of segment 0
   * and have no label. If a cache holds them already, only the mask is widened.
   *
   * @param tokens (n, d), or (B, n, d) if they differ between rows
   */
  public Sequence prepend(NDArray tokens) {
    NDArray widened = mask == null ? null : PAD_ONES.call(mask, tokens);
    if (isCached()) {
      return with(vectors, widened);
    }
    return new Sequence(
        PREPEND.call(vectors, tokens),
        widened,
        types == null ? null : PAD_ZEROS.call(types, tokens),
        positions,
        new Prompt(prompt.count() + count(tokens), prompt.embedded()));
  }

  private static long count(NDArray tokens) {
    return tokens.getShape().get(tokens.getShape().dimension() - 2);
  }

  /** The sequence with its positions counted from {@code n} on, as after a prefix. */
  public Sequence shift(long n) {
    return with(positions.shifted(n));
  }

  /**
   * The sequence with the positions of its keys shifted by {@code n} more than those of its
   * queries, in a stack of relative positions. AdapterHub's library has this after a prefix.
   */
  public Sequence shiftKeys(long n) {
    return with(positions.keysShifted(n));
  }

  /**
   * The sequence with virtual tokens that are put in front after the embedding layer, so that they
   * receive no position, segment or norm.
   *
   * @param tokens (n', d), or (B, n', d) if they differ between rows
   */
  public Sequence prependEmbedded(NDArray tokens) {
    NDArray before = prompt.embedded();
    NDArray all = PREPEND.call(before == null ? NONE.call(vectors) : before, tokens);
    return with(new Prompt(prompt.count(), all));
  }

  /**
   * The sequence as the embedding layer sees it: virtual tokens that come after that layer take no
   * position in it.
   */
  public Sequence embedding() {
    return isCached() ? shift(-prompt.embeddedCount()) : this;
  }

  /**
   * The embedded sequence, with everything that is put in front of it.
   *
   * @param x the embedded vectors (B, n + T, d)
   */
  public Sequence embeddedAs(NDArray x) {
    NDArray first = prompt.embedded();
    if (first == null) {
      return with(x, mask);
    }
    NDArray widened = mask == null ? null : PAD_ROWS.call(mask, first);
    return isCached()
        ? with(x, widened).with(new Prompt(prompt.count(), null))
        : with(JOIN.call(first, x), widened)
            .with(new Prompt(prompt.count() + prompt.embeddedCount(), null));
  }
}
