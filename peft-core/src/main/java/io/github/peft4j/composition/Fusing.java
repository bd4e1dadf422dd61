package io.github.peft4j.composition;

import io.github.peft4j.tuner.Change;
import io.github.peft4j.tuner.Forward;
import java.util.List;

/** A change that makes one output out of those of several adapters: see {@link Fuse}. */
public interface Fusing<I, O> extends Change<I, O> {

  /**
   * Computes the output out of the parts'.
   *
   * @param base the computation without them
   * @param parts the computation with each of them
   */
  O fuse(I input, Forward<I, O> base, List<Forward<I, O>> parts);

  /** Without parts there is nothing to fuse. */
  @Override
  default O forward(I input, Forward<I, O> base) {
    throw new IllegalStateException(
        "a fusion needs the adapters that it fuses: activate Composition.fuse(fusion, adapters)");
  }
}
