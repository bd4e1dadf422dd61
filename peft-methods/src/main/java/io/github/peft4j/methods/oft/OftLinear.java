package io.github.peft4j.methods.oft;

import ai.djl.ndarray.NDArray;
import io.github.peft4j.methods.linear.BlockDropout;
import io.github.peft4j.tuner.Forward;
import io.github.peft4j.tuner.Initial;
import io.github.peft4j.tuner.LinearSite;
import io.github.peft4j.tuner.Mergeable;
import io.github.peft4j.tuner.TunerLayer;

/** y = W (R x) + b, with a rotation R of the input. */
final class OftLinear extends TunerLayer<NDArray, NDArray> implements Mergeable {

  private final Rotation rotation;
  private final boolean transposed;
  private final BlockDropout dropout;

  OftLinear(LinearSite site, OftConfig config, Initial initial) {
    this.rotation =
        new Rotation(site.inFeatures(), config, initial, "oft_R.weight", this::trainable);
    this.transposed = site.isTransposed();
    this.dropout = new BlockDropout(config.moduleDropout(), 1, rotation.blocks());
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
