package io.github.peft4j.tuner;

import java.util.List;

/**
 * How values that have a part for each row of the batch are put together.
 *
 * @param <T> the value: an array (B, …), or several
 */
public interface Joining<T> extends Splitting<T> {

  /** The rows of all values, those of the first one first. */
  T concatenate(List<T> values);

  /**
   * Σ wᵢ vᵢ over values of the same rows.
   *
   * @param weights w, as many as values
   */
  T sum(List<T> values, List<Double> weights);
}
