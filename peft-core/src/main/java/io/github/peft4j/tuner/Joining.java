package io.github.peft4j.tuner;

import java.util.List;

/**
 * Joins values that have a part for each row of the batch.
 *
 * @param <T> the value: one array (B, …), or several
 */
public interface Joining<T> extends Splitting<T> {

  /** The rows of all values, in the order of the values. */
  T concatenate(List<T> values);

  /**
   * Σ wᵢ vᵢ over values of the same rows.
   *
   * @param weights w, one for each value
   */
  T sum(List<T> values, List<Double> weights);
}
