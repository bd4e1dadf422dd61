package io.github.peft4j.data.batch;

import io.github.peft4j.data.batch.EncodedExample.Alignment;
import io.github.peft4j.data.tokenizer.Tokenizer;
import java.util.Arrays;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.function.Function;
import java.util.stream.IntStream;

/**
 * Makes a batch of examples, each padded to the length of the longest.
 *
 * @param padId the padding id
 * @param side the side of the padding
 * @param multiple the length of a batch is rounded up to a multiple of this
 * @param most the length of a batch is not rounded up beyond this
 */
public record Collator(long padId, Side side, int multiple, int most) {

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
   * @param most the length of a batch is not rounded up beyond this
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
    this(padId, Side.RIGHT, 1, Integer.MAX_VALUE);
  }

  /**
   * A collator that pads on another side.
   *
   * @param side the side of the padding
   * @return the collator
   */
  public Collator on(Side side) {
    return new Collator(padId, side, multiple, most);
  }

  /**
   * A collator that rounds lengths up, since GPUs are faster with multiples of eight.
   *
   * @param multiple the number that the length of a batch is a multiple of, 1 or more
   * @return the collator
   */
  public Collator toMultipleOf(int multiple) {
    return new Collator(padId, side, multiple, most);
  }

  /**
   * A collator that does not round lengths up beyond a limit, such as the positions of a model.
   *
   * @param most the limit
   * @return the collator
   */
  public Collator upTo(int most) {
    return new Collator(padId, side, multiple, most);
  }

  /**
   * Makes a batch.
   *
   * @param examples the examples, all for the same task
   * @return the batch, a row for each text of each example
   */
  public Batch collate(List<EncodedExample> examples) {
    if (examples.isEmpty()) {
      throw new IllegalArgumentException("no examples to make a batch of");
    }
    List<EncodedExample> texts = texts(examples);
    Alignment alignment = texts.get(0).alignment();
    boolean typed = texts.get(0).tokenTypeIds() != null;
    int values = texts.get(0).values().length;
    for (EncodedExample text : texts) {
      if (text.alignment() != alignment
          || (text.tokenTypeIds() != null) != typed
          || text.values().length != values
          || !text.rowValues().keySet().equals(texts.get(0).rowValues().keySet())) {
        throw new IllegalArgumentException("the examples of a batch are for different tasks");
      }
    }
    int length = roundUp(longest(texts, EncodedExample::inputIds));
    // A target is always padded on the right: a decoder starts at its first id.
    int labelLength =
        alignment == Alignment.TOKEN ? length : longest(texts, EncodedExample::labels);
    Side labelSide = alignment == Alignment.TOKEN ? side : Side.RIGHT;
    return new Batch(
        rows(texts, e -> pad(e.inputIds(), length, padId, side)),
        rows(texts, e -> pad(ones(e.length()), length, 0, side)),
        typed ? rows(texts, e -> pad(types(e), length, 0, side)) : null,
        rows(texts, e -> pad(e.labels(), labelLength, EncodedExample.IGNORED, labelSide)),
        texts.stream().map(EncodedExample::values).toArray(double[][]::new),
        alignment,
        examples.size(),
        null,
        rowValues(texts));
  }

  /**
   * Makes a batch of rows that hold several examples each.
   *
   * @param rows the examples of each row, in the order in which they stand; all with a label for
   *     each id, and for the same task
   * @return the batch
   * @throws IllegalArgumentException if an example is of another kind
   */
  public Batch pack(List<List<EncodedExample>> rows) {
    if (side == Side.LEFT) {
      throw new IllegalArgumentException("packed rows are padded on the right, not on the left");
    }
    int[][] lengths =
        rows.stream()
            .map(row -> row.stream().mapToInt(EncodedExample::length).toArray())
            .toArray(int[][]::new);
    return collate(rows.stream().map(Collator::joined).toList()).packed(lengths);
  }

  private static EncodedExample joined(List<EncodedExample> row) {
    boolean typed = row.get(0).tokenTypeIds() != null;
    for (EncodedExample example : row) {
      if (example.alignment() != Alignment.TOKEN
          || !example.others().isEmpty()
          || !example.rowValues().isEmpty()
          || (example.tokenTypeIds() != null) != typed) {
        throw new IllegalArgumentException(
            "examples that share a row need a label for each id, to be for the same task, and to"
                + " have no number of their own, such as a task of several");
      }
    }
    return new EncodedExample(
        joined(row, EncodedExample::inputIds),
        typed ? joined(row, Collator::types) : null,
        joined(row, EncodedExample::labels),
        Alignment.TOKEN);
  }

  private static long[] joined(List<EncodedExample> row, Function<EncodedExample, long[]> part) {
    return row.stream().map(part).flatMapToLong(Arrays::stream).toArray();
  }

  private static Map<String, long[]> rowValues(List<EncodedExample> texts) {
    Map<String, long[]> values = new LinkedHashMap<>();
    for (String name : texts.get(0).rowValues().keySet()) {
      values.put(
          name,
          texts.stream().mapToLong(text -> text.rowValues().getOrDefault(name, -1L)).toArray());
    }
    return values;
  }

  /** The first texts of all examples, then the second texts, …. */
  private static List<EncodedExample> texts(List<EncodedExample> examples) {
    int each = examples.get(0).texts().size();
    if (examples.stream().anyMatch(example -> example.texts().size() != each)) {
      throw new IllegalArgumentException(
          "the examples of a batch have %s texts; expected equally many in each"
              .formatted(examples.stream().map(example -> example.texts().size()).toList()));
    }
    return IntStream.range(0, each)
        .boxed()
        .flatMap(i -> examples.stream().map(example -> example.texts().get(i)))
        .toList();
  }

  private int roundUp(int length) {
    return Math.max(length, Math.min(most, (length + multiple - 1) / multiple * multiple));
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
