package io.github.peft4j.methods.common.sparse;

import ai.djl.ndarray.NDArray;
import io.github.peft4j.tuner.Forward;
import io.github.peft4j.tuner.Mergeable;
import io.github.peft4j.tuner.TunerLayer;

/** W + S of one tensor W of the model, which merges exactly. */
public abstract class TensorDelta extends TunerLayer<NDArray, NDArray> implements Mergeable {

  /** W + S, in the precision of W. */
  protected abstract NDArray changed(NDArray weight);

  @Override
  public NDArray forward(NDArray frozen, Forward<NDArray, NDArray> base) {
    return changed(base.forward(frozen));
  }

  @Override
  public final NDArray merge(NDArray weight) {
    return changed(weight);
  }

  /** The same change of a weight that shares the tensor's memory, without tensors of its own. */
  final TensorDelta follower() {
    return new Follower(this);
  }

  private static final class Follower extends TensorDelta {

    private final TensorDelta table;

    Follower(TensorDelta table) {
      this.table = table;
    }

    @Override
    protected NDArray changed(NDArray weight) {
      return table.changed(weight);
    }
  }
}
