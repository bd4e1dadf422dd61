package io.github.peft4j.methods.bottleneck;

import ai.djl.ndarray.NDArray;
import io.github.peft4j.train.objective.Objective;
import io.github.peft4j.tuner.Declarations;
import io.github.peft4j.tuner.ForwardContext;
import io.github.peft4j.tuner.Trainable;
import io.github.peft4j.tuner.injection.Initializer;
import java.util.function.BiFunction;

/** One of an adapter's two maps, x → W x + b. */
@FunctionalInterface
public interface Affine {

  /**
   * The values of a pass.
   *
   * @param training whether it is a training step that trains the layer
   */
  Values of(ForwardContext context, boolean training);

  /** Whether the values are the same tensors in each training step. */
  default boolean isRepeatable() {
    return false;
  }

  /**
   * The values of a map.
   *
   * @param weight W [out, in], or one for each copy of the batch: [c, out, in]
   * @param bias b [out], or [c, out]
   */
  record Values(NDArray weight, NDArray bias) {}

  /** Which of the two maps one is. */
  enum Position {
    /** From the hidden state to the bottleneck. */
    DOWN,
    /** Back again. */
    UP
  }

  /** Creates the maps of an adapter. */
  interface Source {

    /** The same for maps on the device of a module. */
    Source at(String site);

    /**
     * Creates a map of a layer.
     *
     * @param module its name in the layer
     * @param start makes an initial weight of these numbers of rows and columns
     * @param layer declares its tensors
     */
    Affine map(
        String module,
        Position position,
        long out,
        long in,
        BiFunction<Long, Long, NDArray> start,
        Declarations layer);

    /**
     * What a training of these maps minimises; by default the loss of the task.
     *
     * @param ofTask the loss of the task
     */
    default Objective objective(Objective ofTask) {
      return ofTask;
    }
  }

  /** A map with a trainable weight and bias. */
  record Dense(Trainable w, Trainable b) implements Affine {

    /** Creates a map with this initial weight [out, in] and a zero bias. */
    public static Dense of(String module, NDArray w, Initializer initial, Declarations layer) {
      NDArray b = initial.zeros(w.getShape().get(0));
      return new Dense(
          layer.trainable(module + ".weight", w), layer.trainable(module + ".bias", b));
    }

    /** Creates the maps of an adapter as dense ones. */
    public static Source source(Initializer initial) {
      return new Source() {
        @Override
        public Source at(String site) {
          return source(initial.at(site));
        }

        @Override
        public Affine map(
            String module,
            Position position,
            long out,
            long in,
            BiFunction<Long, Long, NDArray> start,
            Declarations layer) {
          return of(module, start.apply(out, in), initial, layer);
        }
      };
    }

    @Override
    public boolean isRepeatable() {
      return true;
    }

    @Override
    public Values of(ForwardContext context, boolean training) {
      return new Values(w.value(), b.value());
    }
  }
}
