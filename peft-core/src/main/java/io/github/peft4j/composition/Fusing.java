package io.github.peft4j.composition;

import io.github.peft4j.tuner.Change;
import io.github.peft4j.tuner.Forward;
import java.util.List;

/** A change that combines the outputs of several adapters, see {@link Fuse}. */
public interface Fusing<I, O> extends Change<I, O> {

  /**
   * Computes the output from those of the parts.
   *
   * @param base the computation without the parts
   * @param parts the computation with each part
   */
  O fuse(I input, Forward<I, O> base, List<Forward<I, O>> parts);

  /** Always throws: without parts there is nothing to fuse. */
  @Override
  default O forward(I input, Forward<I, O> base) {
    throw new IllegalStateException(
        "a fusion needs the adapters that it fuses: take Composition.fuse(fusion, adapters), and Composition.batchSplit of such for rows of a batch");
  }
}
