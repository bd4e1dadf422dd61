package io.github.peft4j.data.batch;

import io.github.peft4j.data.batch.EncodedExample.Alignment;
import io.github.peft4j.data.tokenizer.Tokenizer;
import java.util.Arrays;
import java.util.List;
import java.util.Objects;
import java.util.function.Function;

/**
 * Makes a batch of examples, each padded to the length of the longest.
 *
 * @param padId the padding id
 * @param side the side of the padding
 * @param multiple the length of a batch is rounded up to a multiple of this
 */
public record Collator(long padId, Side side, int multiple) {

  /** The side of the padding. */
  public enum Side {
    /** Before the ids: for generation, which appends new ids. */
    LEFT,
    /** After the ids: for training. */
    RIGHT
  }

  /**
   * Checks the arguments.
   *
   * @param padId the padding id
   * @param side the side of the padding
   * @param multiple the length of a batch is rounded up to a multiple of this, 1 or more
   */
  public Collator {
    if (multiple < 1) {
      throw new IllegalArgumentException("multiple is " + multiple + ", expected 1 at least");
    }
  }

  /**
   * Pads on the right to the longest example of a batch.
   *
   * @param padId the padding id, as {@link Tokenizer#padId}
   */
  public Collator(long padId) {
    this(padId, Side.RIGHT, 1);
  }

  /**
   * A collator that pads on another side.
   *
   * @param side the side of the padding
   * @return the collator
   */
  public Collator on(Side side) {
    return new Collator(padId, side, multiple);
  }

  /**
   * A collator that rounds lengths up, since GPUs are faster with multiples of eight.
   *
   * @param multiple the number that the length of a batch is a multiple of, 1 or more
   * @return the collator
   */
  public Collator toMultipleOf(int multiple) {
    return new Collator(padId, side, multiple);
  }

  /**
   * Makes a batch.
   *
   * @param examples the examples, all for the same task
   * @return the batch, a row for each
   */
  public Batch collate(List<EncodedExample> examples) {
    if (examples.isEmpty()) {
      throw new IllegalArgumentException("no examples to make a batch of");
    }
    Alignment alignment = examples.get(0).alignment();
    boolean typed = examples.get(0).tokenTypeIds() != null;
    for (EncodedExample example : examples) {
      if (example.alignment() != alignment || (example.tokenTypeIds() != null) != typed) {
        throw new IllegalArgumentException("the examples of a batch are for different tasks");
      }
    }
    int length = roundUp(longest(examples, EncodedExample::inputIds));
    // A target is always padded on the right: a decoder starts at its first id.
    int labelLength =
        alignment == Alignment.TOKEN ? length : longest(examples, EncodedExample::labels);
    Side labelSide = alignment == Alignment.TOKEN ? side : Side.RIGHT;
    return new Batch(
        rows(examples, e -> pad(e.inputIds(), length, padId, side)),
        rows(examples, e -> pad(ones(e.length()), length, 0, side)),
        typed ? rows(examples, e -> pad(types(e), length, 0, side)) : null,
        rows(examples, e -> pad(e.labels(), labelLength, EncodedExample.IGNORED, labelSide)),
        alignment);
  }

  private int roundUp(int length) {
    return (length + multiple - 1) / multiple * multiple;
  }

  private static int longest(List<EncodedExample> examples, Function<EncodedExample, long[]> part) {
    return examples.stream().mapToInt(example -> part.apply(example).length).max().orElse(0);
  }

  private static long[][] rows(
      List<EncodedExample> examples, Function<EncodedExample, long[]> row) {
    return examples.stream().map(row).toArray(long[][]::new);
  }

  private static long[] types(EncodedExample example) {
    return Objects.requireNonNull(example.tokenTypeIds());
  }

  private static long[] ones(int length) {
    long[] ones = new long[length];
    Arrays.fill(ones, 1);
    return ones;
  }

  private static long[] pad(long[] values, int length, long filler, Side side) {
    long[] row = new long[length];
    Arrays.fill(row, filler);
    int start = side == Side.LEFT ? length - values.length : 0;
    System.arraycopy(values, 0, row, start, values.length);
    return row;
  }
}
