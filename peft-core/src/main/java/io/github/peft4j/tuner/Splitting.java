package io.github.peft4j.tuner;

/**
 * How a value that has a part for each row of the batch is taken apart.
 *
 * @param <T> the value: an array (B, …), or several
 */
public interface Splitting<T> {

  /** B. */
  long rows(T value);

  /** Some rows of the value, in this order. */
  T select(T value, Rows rows);
}
