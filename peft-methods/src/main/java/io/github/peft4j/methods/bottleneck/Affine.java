package io.github.peft4j.methods.bottleneck;

import ai.djl.ndarray.NDArray;
import io.github.peft4j.tuner.Declarations;
import io.github.peft4j.tuner.ForwardContext;
import io.github.peft4j.tuner.Trainable;
import io.github.peft4j.tuner.injection.Initializer;

/** One of an adapter's two maps, x → W x + b. */
interface Affine {

  /** W [out, in]. */
  NDArray weight(ForwardContext context);

  /** b [out]. */
  NDArray bias(ForwardContext context);

  /** A map with a trainable weight and bias. */
  record Dense(Trainable w, Trainable b) implements Affine {

    /** Creates a map with this initial weight [out, in] and a zero bias. */
    static Dense of(String module, NDArray w, Initializer initial, Declarations layer) {
      NDArray b = initial.zeros(w.getShape().get(0));
      return new Dense(
          layer.trainable(module + ".weight", w), layer.trainable(module + ".bias", b));
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
