package io.github.peft4j.tuner;

/**
 * Splits a value that has a part for each row of the batch.
 *
 * @param <T> the value: one array (B, …), or several
 */
public interface Splitting<T> {

  /** The number of rows B. */
  long rows(T value);

  /** The value's rows with these indices, in this order. */
  T select(T value, Rows rows);
}
