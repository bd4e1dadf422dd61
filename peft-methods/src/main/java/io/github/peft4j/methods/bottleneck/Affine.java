package io.github.peft4j.methods.bottleneck;

import ai.djl.ndarray.NDArray;
import io.github.peft4j.tuner.ForwardContext;
import io.github.peft4j.tuner.Initial;
import io.github.peft4j.tuner.Trainable;

/** One of an adapter's two maps, x → W x + b. */
interface Affine {

  /** W [out, in]. */
  NDArray weight(ForwardContext context);

  /** b [out]. */
  NDArray bias(ForwardContext context);

  /** Makes tensors of a layer. */
  interface Declaring {
    /**
     * Declares a tensor.
     *
     * @param trained whether it is trained, and not only stored
     */
    Trainable declare(String key, NDArray initial, boolean trained);
  }

  /** A map whose every number is trained. */
  record Dense(Trainable w, Trainable b) implements Affine {

    /** A map that starts with this weight [out, in] and no bias. */
    static Dense of(String module, NDArray w, Initial initial, Declaring layer) {
      NDArray b = initial.zeros(w.getShape().get(0));
      return new Dense(
          layer.declare(module + ".weight", w, true), layer.declare(module + ".bias", b, true));
    }

    @Override
    public NDArray weight(ForwardContext context) {
      return w.value();
    }

    @Override
    public NDArray bias(ForwardContext context) {
      return b.value();
    }
  }
}
