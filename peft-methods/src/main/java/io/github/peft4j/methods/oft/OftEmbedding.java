package io.github.peft4j.methods.oft;

import ai.djl.ndarray.NDArray;
import io.github.peft4j.tuner.Forward;
import io.github.peft4j.tuner.Mergeable;
import io.github.peft4j.tuner.TunerLayer;

/** y = E[ids] R, with a rotation R of the vectors. As in PEFT, there is no dropout. */
final class OftEmbedding extends TunerLayer<NDArray, NDArray> implements Mergeable {

  private final Rotation rotation;

  /**
   * Creates the adapter of one embedding.
   *
   * @param shape settings of the rotation
   * @param q initial value of Q
   */
  OftEmbedding(Rotation.Shape shape, NDArray q) {
    this.rotation = new Rotation(shape, "oft_embedding_R.weight", q, declarations());
  }

  @Override
  public NDArray forward(NDArray ids, Forward<NDArray, NDArray> base) { // ids (B, T)
    return rotation.rotate(
        base.forward(ids), rotation.skew(isTraining(base.context()))); // (B, T, d)
  }

  @Override
  public NDArray merge(NDArray table) { // (V, d)
    return rotation.rotate(table, rotation.skew(false));
  }

  @Override
  public void close() {
    super.close();
    rotation.close();
  }
}
