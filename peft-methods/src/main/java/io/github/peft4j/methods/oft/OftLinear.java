package io.github.peft4j.methods.oft;

import ai.djl.ndarray.NDArray;
import io.github.peft4j.methods.common.linear.BlockDropout;
import io.github.peft4j.tuner.Forward;
import io.github.peft4j.tuner.Mergeable;
import io.github.peft4j.tuner.TunerLayer;

/** y = W (R x) + b, with a rotation R of the input. */
final class OftLinear extends TunerLayer<NDArray, NDArray> implements Mergeable {

  private final Rotation rotation;
  private final boolean transposed;
  private final BlockDropout dropout;

  /**
   * Creates the adapter of one linear layer.
   *
   * @param shape settings of the rotation
   * @param q initial value of Q
   * @param dropout fraction of the blocks that do not rotate in a training step, in [0, 1)
   * @param transposed whether W is stored as [in, out]
   */
  OftLinear(Rotation.Shape shape, NDArray q, double dropout, boolean transposed) {
    this.rotation = new Rotation(shape, "oft_R.weight", q, declarations());
    this.transposed = transposed;
    this.dropout = new BlockDropout(dropout, 1, rotation.blocks());
  }

  @Override
  public boolean isRepeatable() {
    return true;
  }

  @Override
  public NDArray forward(NDArray x, Forward<NDArray, NDArray> base) { // x (…, in)
    NDArray skew = rotation.skew(isTraining(base.context()));
    NDArray kept = isTraining(base.context()) && dropout.drops() ? dropout.drop(skew) : skew;
    return base.forward(rotation.rotate(x, kept));
  }

  @Override
  public NDArray merge(NDArray weight) {
    return rotation.turn(weight, transposed, rotation.skew(false));
  }

  @Override
  public void close() {
    super.close();
    rotation.close();
  }
}
