package io.github.peft4j.tuner;

import org.jspecify.annotations.Nullable;

/**
 * A computation at which adapters are composed: the adapters' changes of it, and how its inputs and
 * outputs are split and joined by rows of the batch.
 *
 * @param <I> the input
 * @param <O> the output
 */
public interface Place<I, O> {

  /** The computation's name, for messages. */
  String name();

  /** An adapter's change of the computation, or null if it has none. */
  @Nullable Change<I, O> change(String adapter);

  /**
   * Whether the computation itself reads tensors that an adapter changes, such as a linear map with
   * a trained weight.
   */
  default boolean reads(String adapter) {
    return false;
  }

  /** How inputs are split. */
  Splitting<I> inputs();

  /** How outputs are split and joined. */
  Joining<O> outputs();

  /** Whether any of these adapters changes the computation. */
  default boolean concerns(Iterable<String> adapters) {
    for (String adapter : adapters) {
      if (change(adapter) != null || reads(adapter)) {
        return true;
      }
    }
    return false;
  }
}
