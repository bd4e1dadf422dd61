package io.github.peft4j.tuner;

import static java.util.Objects.requireNonNull;

import java.util.HashMap;
import java.util.Map;
import java.util.stream.LongStream;
import org.jspecify.annotations.Nullable;

/**
 * Which rows of the batch are computed: what part of each split they are, and which row each item
 * of an input stands for. Items are rows but where the loss is computed: there the head sees tokens
 * that have a label, each of some row.
 */
public final class BatchRows {

  /** A whole batch, whose items are rows. */
  public static final BatchRows ALL = new BatchRows(null, 0, Map.of());

  private final long @Nullable [] rowOf;
  private final long batch;
  private final Map<Object, Integer> parts;

  /**
   * Some rows.
   *
   * @param rowOf the row of each item, or null where items are rows
   * @param batch how many rows there are; 0 where items are rows
   * @param parts the part of each split that is computed
   */
  private BatchRows(long @Nullable [] rowOf, long batch, Map<Object, Integer> parts) {
    this.rowOf = rowOf;
    this.batch = batch;
    this.parts = parts;
  }

  /**
   * The same where items stand for rows of a batch.
   *
   * @param rowOf the row of each item
   * @param batch how many rows the batch has
   */
  public BatchRows standingFor(long[] rowOf, long batch) {
    return new BatchRows(rowOf, batch, parts);
  }

  /** The part of a split that is computed, or null if the rows are still whole. */
  public @Nullable Integer partOf(Object split) {
    return parts.get(split);
  }

  /** The same with the row of each of so many items known: where items are rows, itself. */
  public BatchRows of(long items) {
    if (rowOf == null) {
      return new BatchRows(LongStream.range(0, items).toArray(), items, parts);
    }
    if (rowOf.length != items) {
      throw new IllegalStateException(
          items + " items where " + rowOf.length + " were said to be computed");
    }
    return this;
  }

  /** How many rows there are, once known. */
  public long batch() {
    return batch;
  }

  /** The items whose row is in this part of the batch, once known. */
  public Rows items(int[] partOf, int part) {
    return Rows.of(items(requireNonNull(rowOf), partOf, part));
  }

  private static LongStream items(long[] rowOf, int[] partOf, int part) {
    return LongStream.range(0, rowOf.length)
        .filter(item -> partOf[Math.toIntExact(rowOf[Math.toIntExact(item)])] == part);
  }

  /**
   * One part of these rows alone.
   *
   * @param partOf the part of each row
   */
  public BatchRows in(Object split, int[] partOf, int part) {
    Map<Object, Integer> inner = new HashMap<>(parts);
    inner.put(split, part);
    if (rowOf == null) {
      return new BatchRows(null, 0, inner);
    }
    long[] place = new long[partOf.length];
    int size = 0;
    for (int row = 0; row < partOf.length; row++) {
      if (partOf[row] == part) {
        place[row] = size++;
      }
    }
    long[] rows =
        items(rowOf, partOf, part)
            .map(item -> place[Math.toIntExact(rowOf[Math.toIntExact(item)])])
            .toArray();
    return new BatchRows(rows, size, inner);
  }
}
