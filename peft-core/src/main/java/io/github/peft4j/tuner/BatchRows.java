package io.github.peft4j.tuner;

import static java.util.Objects.requireNonNull;

import ai.djl.ndarray.NDArray;
import java.util.HashMap;
import java.util.Map;
import java.util.stream.LongStream;
import org.jspecify.annotations.Nullable;

/**
 * The rows of the batch that are computed: their part of each split, and the row of each item of an
 * input. Items are rows, except in the loss: there the head's items are the labelled tokens,
 * several of which may belong to one row.
 */
public final class BatchRows {

  /** The whole batch, with rows as items. */
  public static final BatchRows ALL = new BatchRows(null, 0, Map.of(), null);

  private final long @Nullable [] rowOf;
  private final long batch;
  private final Map<Object, Integer> parts;
  private final @Nullable Rows origin;

  /**
   * Some rows.
   *
   * @param rowOf the row of each item, or null if items are rows
   * @param batch number of rows; 0 if items are rows
   * @param parts the computed part of each split
   * @param origin the rows of the whole batch, or null for all of them
   */
  private BatchRows(
      long @Nullable [] rowOf, long batch, Map<Object, Integer> parts, @Nullable Rows origin) {
    this.rowOf = rowOf;
    this.batch = batch;
    this.parts = parts;
    this.origin = origin;
  }

  /**
   * A copy for items that belong to rows of a batch.
   *
   * @param rowOf the row of each item
   * @param batch number of rows of the batch
   */
  public BatchRows standingFor(long[] rowOf, long batch) {
    return new BatchRows(rowOf, batch, parts, origin);
  }

  /** Whether all rows of the batch are computed together. */
  public boolean isWhole() {
    return origin == null;
  }

  /** The computed part of a split, or null if the rows have not been split by it. */
  public @Nullable Integer partOf(Object split) {
    return parts.get(split);
  }

  /** A copy in which the row of each item is known. If items are rows, item i is row i. */
  public BatchRows of(long items) {
    if (rowOf == null) {
      return new BatchRows(LongStream.range(0, items).toArray(), items, parts, origin);
    }
    if (rowOf.length != items) {
      throw new IllegalStateException(
          items + " items, but " + rowOf.length + " were to be computed");
    }
    return this;
  }

  private Rows within(int[] partOf, int part) {
    return Rows.of(
        LongStream.range(0, partOf.length)
            .filter(row -> partOf[Math.toIntExact(row)] == part)
            .map(row -> origin == null ? row : origin.get(Math.toIntExact(row))));
  }

  /**
   * The computed rows of an array of the whole batch.
   *
   * @param whole (B, …)
   * @return the array itself if all rows are computed
   */
  public NDArray of(NDArray whole) {
    return origin == null ? whole : ArrayRows.INSTANCE.select(whole, origin);
  }

  /**
   * What each computed item's row has.
   *
   * @param whole (B, …)
   * @return the array itself if items are rows, and all are computed
   */
  public NDArray ofItems(NDArray whole) {
    NDArray rows = of(whole);
    return rowOf == null ? rows : ArrayRows.INSTANCE.select(rows, Rows.of(LongStream.of(rowOf)));
  }

  /** The numbers of the computed rows in the whole batch, or null for all of them. */
  public @Nullable Rows origin() {
    return origin;
  }

  /** The number of rows, once known. */
  public long batch() {
    return batch;
  }

  /** The items whose rows are in a part of the batch, once known. */
  public Rows items(int[] partOf, int part) {
    return Rows.of(items(requireNonNull(rowOf), partOf, part));
  }

  private static LongStream items(long[] rowOf, int[] partOf, int part) {
    return LongStream.range(0, rowOf.length)
        .filter(item -> partOf[Math.toIntExact(rowOf[Math.toIntExact(item)])] == part);
  }

  /**
   * Only one part of these rows.
   *
   * @param partOf the part of each row
   */
  public BatchRows in(Object split, int[] partOf, int part) {
    Map<Object, Integer> inner = new HashMap<>(parts);
    inner.put(split, part);
    if (rowOf == null) {
      return new BatchRows(null, 0, inner, within(partOf, part));
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
    return new BatchRows(rows, size, inner, within(partOf, part));
  }
}
