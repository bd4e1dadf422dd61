package io.github.peft4j.tuner;

import java.util.stream.LongStream;

/** Some rows of a batch, by their numbers from 0 on. */
public final class Rows {

  private final long[] numbers;

  private Rows(long[] numbers) {
    this.numbers = numbers;
  }

  /** These rows. */
  public static Rows of(LongStream numbers) {
    return new Rows(numbers.toArray());
  }

  /** How many. */
  public int count() {
    return numbers.length;
  }

  /** The number of the i-th of them. */
  public long get(int i) {
    return numbers[i];
  }

  /** Their numbers. */
  public long[] numbers() {
    return numbers.clone();
  }

  /** Whether they follow each other without a gap. */
  public boolean isRange() {
    for (int i = 1; i < numbers.length; i++) {
      if (numbers[i] != numbers[i - 1] + 1) {
        return false;
      }
    }
    return numbers.length > 0;
  }

  /** Where each row of 0, 1, … stands among them: the order that undoes them. */
  public Rows inverse() {
    long[] places = new long[numbers.length];
    for (int i = 0; i < numbers.length; i++) {
      places[Math.toIntExact(numbers[i])] = i;
    }
    return new Rows(places);
  }
}
