package io.github.peft4j.toy;

import ai.djl.ndarray.NDArray;
import io.github.peft4j.kernel.Tape;
import io.github.peft4j.tuner.Adapters;
import io.github.peft4j.tuner.BatchRows;
import io.github.peft4j.tuner.ForwardContext;
import io.github.peft4j.tuner.SharedTensor;
import io.github.peft4j.tuner.TunerLayer;
import org.jspecify.annotations.Nullable;

/** A forward pass outside of a model, for sites alone. */
public record ToyPass(Adapters adapters, BatchRows rows) implements ForwardContext {

  /** A pass of a whole batch. */
  public ToyPass(Adapters adapters) {
    this(adapters, BatchRows.ALL);
  }

  @Override
  public ForwardContext of(BatchRows rows) {
    return new ToyPass(adapters, rows);
  }

  @Override
  public NDArray ids() {
    throw new UnsupportedOperationException("there are no tokens here");
  }

  @Override
  public @Nullable NDArray mask() {
    return null;
  }

  @Override
  public @Nullable NDArray given() {
    return null;
  }

  @Override
  public long virtual() {
    return 0;
  }

  @Override
  public long past() {
    return 0;
  }

  @Override
  public NDArray frozenStates() {
    throw new UnsupportedOperationException("there is no model here");
  }

  @Override
  public @Nullable NDArray rowValue(String name) {
    return null;
  }

  @Override
  public int copies() {
    return 1;
  }

  @Override
  public boolean isTraining() {
    return false;
  }

  @Override
  public boolean hasFullyMaskedQueries() {
    return false;
  }

  @Override
  public NDArray value(SharedTensor shared) {
    throw new UnsupportedOperationException("no tensor is shared here");
  }

  @Override
  public void leave(TunerLayer<?, ?> layer, NDArray value) {
    throw new UnsupportedOperationException("no layer comes later here");
  }

  @Override
  public @Nullable NDArray left(TunerLayer<?, ?> layer) {
    return null;
  }

  @Override
  public boolean isOfKernels() {
    return false;
  }

  @Override
  public Tape tape() {
    throw new UnsupportedOperationException("nothing is recorded here");
  }
}
