package io.github.peft4j.methods.oft;

import ai.djl.ndarray.NDArray;
import io.github.peft4j.tuner.EmbeddingSite;
import io.github.peft4j.tuner.Forward;
import io.github.peft4j.tuner.Initial;
import io.github.peft4j.tuner.Mergeable;
import io.github.peft4j.tuner.TunerLayer;

/** y = E[ids] R, with a rotation R of the vectors; as in PEFT without dropout. */
final class OftEmbedding extends TunerLayer<NDArray, NDArray> implements Mergeable {

  private final Rotation rotation;

  OftEmbedding(EmbeddingSite site, OftConfig config, Initial initial) {
    this.rotation =
        new Rotation(site.dimension(), config, initial, "oft_embedding_R.weight", this::trainable);
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
