package io.github.peft4j.methods.fisher;

import io.github.peft4j.methods.common.sparse.SparseConfig;
import org.jspecify.annotations.Nullable;

/**
 * A config of a method that trains the entries with the largest Fisher information.
 *
 * @param <C> the config itself
 */
public interface FisherConfig<C extends FisherConfig<C>> extends SparseConfig<C> {

  /** The most examples that the information is computed from, or null for all. */
  @Nullable Integer mostExamples();

  /** Which labels it is computed with. */
  SampleType sampleType();

  /**
   * Whether a new adapter's entries are chosen by examples: {@link Fisher} makes it then, and
   * {@code model.adapt} refuses the config.
   */
  default boolean needsExamples() {
    return sampleType() != SampleType.RANDOM && entries().isEmpty();
  }

  /** What of an example's gradient is summed. */
  GradType gradType();

  /** A copy that chooses entries at random. */
  C random();

  /** The name of the field that says which part of the parameters is trained. */
  String partField();

  /** The part of the parameters that is trained. */
  double part();
}
