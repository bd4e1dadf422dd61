package io.github.peft4j.tuner;

import org.jspecify.annotations.Nullable;

/**
 * Where adapters are composed: the changes that they make to one computation, and how the inputs
 * and outputs of that computation are split and joined by rows of the batch.
 *
 * @param <I> what goes in
 * @param <O> what comes out
 */
public interface Place<I, O> {

  /** What the computation is called. */
  String name();

  /** An adapter's change of the computation, or null if it makes none. */
  @Nullable Change<I, O> change(String adapter);

  /**
   * Whether the computation itself reads tensors that an adapter changes: a linear map does, whose
   * weight is trained.
   */
  default boolean reads(String adapter) {
    return false;
  }

  /** How inputs are split. */
  Splitting<I> inputs();

  /** How outputs are split and joined. */
  Joining<O> outputs();

  /** Whether any of these adapters makes a difference here. */
  default boolean concerns(Iterable<String> adapters) {
    for (String adapter : adapters) {
      if (change(adapter) != null || reads(adapter)) {
        return true;
      }
    }
    return false;
  }
}
