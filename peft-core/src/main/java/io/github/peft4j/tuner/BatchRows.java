package io.github.peft4j.tuner;

import java.util.function.Supplier;
import java.util.stream.LongStream;
import org.jspecify.annotations.Nullable;

/**
 * Which rows of the batch the first dimension of an input stands for. It is the batch itself but
 * where the loss is computed: there the head sees tokens that have a label, each of some row.
 */
public final class BatchRows {

  private static final ThreadLocal<@Nullable BatchRows> CURRENT = new ThreadLocal<>();

  private final long[] rowOf;
  private final long batch;

  private BatchRows(long[] rowOf, long batch) {
    this.rowOf = rowOf;
    this.batch = batch;
  }

  /**
   * Runs code on items that stand for rows of a batch.
   *
   * @param rowOf the row of each item
   * @param batch how many rows the batch has
   */
  public static <T> T within(long[] rowOf, long batch, Supplier<T> code) {
    return within(new BatchRows(rowOf, batch), code);
  }

  static <T> T within(@Nullable BatchRows rows, Supplier<T> code) {
    BatchRows before = CURRENT.get();
    CURRENT.set(rows);
    try {
      return code.get();
    } finally {
      CURRENT.set(before);
    }
  }

  /** What the calling thread's items stand for, or null for the batch itself. */
  static @Nullable BatchRows current() {
    return CURRENT.get();
  }

  /** What so many items stand for. */
  static BatchRows of(long items) {
    BatchRows current = CURRENT.get();
    if (current == null) {
      return new BatchRows(LongStream.range(0, items).toArray(), items);
    }
    if (current.rowOf.length != items) {
      throw new IllegalStateException(
          items + " items where " + current.rowOf.length + " were said to be computed");
    }
    return current;
  }

  long batch() {
    return batch;
  }

  /** The items whose row is in this part of the batch. */
  Rows items(int[] partOf, int part) {
    return Rows.of(
        LongStream.range(0, rowOf.length)
            .filter(item -> partOf[Math.toIntExact(rowOf[Math.toIntExact(item)])] == part));
  }

  /** What those items stand for within their part alone. */
  BatchRows within(int[] partOf, int part) {
    long[] place = new long[partOf.length];
    int size = 0;
    for (int row = 0; row < partOf.length; row++) {
      if (partOf[row] == part) {
        place[row] = size++;
      }
    }
    long[] rows =
        LongStream.of(items(partOf, part).numbers())
            .map(item -> place[Math.toIntExact(rowOf[Math.toIntExact(item)])])
            .toArray();
    return new BatchRows(rows, size);
  }
}
