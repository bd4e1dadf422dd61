package io.github.peft4j.examples.bench;

import io.github.peft4j.data.batch.Batch;
import io.github.peft4j.data.batch.ByLength;
import io.github.peft4j.data.batch.Collator;
import io.github.peft4j.data.batch.EncodedExample;
import io.github.peft4j.data.batch.Packing;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Random;
import java.util.stream.IntStream;
import java.util.stream.Stream;

/**
 * The batches of a measurement, one a step.
 *
 * @param rows what a row is: {@code even}, or {@code padded}, {@code by-length} or {@code packed}
 * @param batches one to repeat, or those of an epoch
 */
public record Feed(String rows, List<Batch> batches) {

  /** The ways to put examples of unequal length into rows. */
  public static final List<String> RAGGED = List.of("padded", "by-length", "packed");

  private static final Collator COLLATOR = new Collator(0);

  /** One batch of rows of equal length. */
  static Feed even(Shape shape, int batch, int length) {
    Random random = new Random(0);
    List<EncodedExample> examples =
        Stream.generate(() -> example(shape, length, random)).limit(batch).toList();
    return new Feed("even", List.of(COLLATOR.collate(examples)));
  }

  /**
   * An epoch of examples of unequal length. A batch has at most {@code batch · length} positions,
   * padding included. All ways have the same examples.
   *
   * @param rows one of {@link #RAGGED}
   * @param batch the number of packed rows in a batch
   * @param length the most tokens of an example, and of a packed row
   * @param steps the number of packed batches that the examples fill
   */
  static Feed ragged(String rows, Shape shape, int batch, int length, int steps) {
    if (!RAGGED.contains(rows)) {
      throw new IllegalArgumentException("no rows '" + rows + "'; there are " + RAGGED);
    }
    if (!shape.isDecoder()) {
      throw new IllegalArgumentException(
          shape.name() + " has a label for each text: its rows cannot be packed");
    }
    int positions = Math.multiplyExact(batch, length);
    int[] lengths = lengths(length, (long) positions * steps);
    Random random = new Random(0);
    List<EncodedExample> examples =
        Arrays.stream(lengths).mapToObj(each -> example(shape, each, random)).toList();
    if (rows.equals("packed")) {
      return new Feed(rows, packed(examples, lengths, batch, length));
    }
    List<int[]> batches =
        rows.equals("padded")
            ? inOrder(lengths, positions)
            : ByLength.batches(lengths, Integer.MAX_VALUE, positions);
    return new Feed(
        rows,
        batches.stream()
            .map(
                indices ->
                    COLLATOR.collate(Arrays.stream(indices).mapToObj(examples::get).toList()))
            .toList());
  }

  private static int[] lengths(int most, long total) {
    Lengths lengths = new Lengths(most);
    IntStream.Builder drawn = IntStream.builder();
    for (long rest = total; rest > 0; ) {
      int next = lengths.next();
      drawn.add(next);
      rest -= next;
    }
    return drawn.build().toArray();
  }

  /** Fills batches in the order of the examples. */
  static List<int[]> inOrder(int[] lengths, int positions) {
    List<int[]> batches = new ArrayList<>();
    int start = 0;
    int longest = 0;
    for (int end = 0; end < lengths.length; end++) {
      longest = Math.max(longest, lengths[end]);
      if (end > start && (end + 1L - start) * longest > positions) {
        batches.add(IntStream.range(start, end).toArray());
        start = end;
        longest = lengths[end];
      }
    }
    batches.add(IntStream.range(start, lengths.length).toArray());
    return batches;
  }

  private static List<Batch> packed(
      List<EncodedExample> examples, int[] lengths, int batch, int length) {
    List<List<EncodedExample>> rows =
        Arrays.stream(Packing.bestFitDecreasing(lengths, length, 0).rows())
            .map(row -> Arrays.stream(row).mapToObj(examples::get).toList())
            .toList();
    return IntStream.iterate(0, start -> start < rows.size(), start -> start + batch)
        .mapToObj(start -> rows.subList(start, Math.min(start + batch, rows.size())))
        .map(COLLATOR::pack)
        .toList();
  }

  private static EncodedExample example(Shape shape, int length, Random random) {
    long[] ids = random.ints(length, 0, Shape.TOKENS).mapToLong(shape::token).toArray();
    return shape.isDecoder() ? EncodedExample.ofTokens(ids, ids) : EncodedExample.ofText(ids, 0);
  }

  /** The number of tokens, without padding. */
  long tokens() {
    return batches.stream().mapToLong(Batch::tokens).sum();
  }

  /** The share of the positions that are tokens, from 0 to 1. */
  double fill() {
    return tokens()
        / (double) batches.stream().mapToLong(batch -> (long) batch.size() * batch.length()).sum();
  }
}
