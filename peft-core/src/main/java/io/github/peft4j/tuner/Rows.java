package io.github.peft4j.tuner;

import java.util.stream.LongStream;

/** Some rows of a batch, by their indices from 0. */
public final class Rows {

  private final long[] numbers;

  private Rows(long[] numbers) {
    this.numbers = numbers;
  }

  /** Rows with these indices. */
  public static Rows of(LongStream numbers) {
    return new Rows(numbers.toArray());
  }

  /** The number of rows. */
  public int count() {
    return numbers.length;
  }

  /** The index of the i-th of these rows. */
  public long get(int i) {
    return numbers[i];
  }

  /** The indices of these rows. */
  public long[] numbers() {
    return numbers.clone();
  }

  /** Whether the indices are consecutive. */
  public boolean isRange() {
    for (int i = 1; i < numbers.length; i++) {
      if (numbers[i] != numbers[i - 1] + 1) {
        return false;
      }
    }
    return numbers.length > 0;
  }

  /** The inverse permutation: entry i is the position of row i among these rows. */
  public Rows inverse() {
    long[] places = new long[numbers.length];
    for (int i = 0; i < numbers.length; i++) {
      places[Math.toIntExact(numbers[i])] = i;
    }
    return new Rows(places);
  }
}
