package io.github.peft4j.tuner;

import ai.djl.ndarray.NDArray;
import java.util.ArrayList;
import java.util.Collections;
import java.util.List;

/**
 * One adapter's rewrite of one {@link Site}: the learned part of a layer.
 *
 * <p>A layer reads like its paper: {@link #forward} gets what the site gets, and {@code base},
 * which computes what the site would compute without this layer. The layer knows neither the model
 * family nor the other adapters: when several are active, {@code base} already contains those
 * before it.
 *
 * <pre>{@code
 * final class ScaledOutput extends TunerLayer<NDArray, NDArray> {
 *   private final Trainable scale;                                    // (out)
 *
 *   public NDArray forward(NDArray x, Forward<NDArray, NDArray> base) {  // x (B, T, in)
 *     return MULTIPLY.call(base.forward(x), scale.value());              // (B, T, out)
 *   }
 * }
 * }</pre>
 *
 * @param <I> what the site takes
 * @param <O> what the site gives
 */
public abstract class TunerLayer<I, O> implements AutoCloseable {

  private final List<Trainable> trainables = new ArrayList<>();
  private final List<Shared> shared = new ArrayList<>();
  private boolean training;

  /** Computes the site's output with this layer in it. */
  public abstract O forward(I input, Forward<I, O> base);

  /**
   * Declares a tensor that is trained.
   *
   * @param key its name below the site's in Hugging Face's file layout
   * @param initial its value; the layer takes ownership
   */
  protected final Trainable trainable(String key, NDArray initial) {
    return add(new Trainable(key, initial, false));
  }

  /** Declares a tensor that is saved and loaded with the adapter but not trained. */
  protected final Trainable buffer(String key, NDArray value) {
    return add(new Trainable(key, value, true));
  }

  private Trainable add(Trainable trainable) {
    trainables.add(trainable);
    return trainable;
  }

  /** Declares that this layer reads a tensor that is computed once a run. */
  protected final Shared reads(Shared value) {
    shared.add(value);
    return value;
  }

  /** What this layer reads that is computed once a run. */
  final List<Shared> shared() {
    return shared;
  }

  /** Whether a gradient is wanted by this layer. */
  final boolean trains() {
    return trainables.stream().anyMatch(Trainable::trains)
        || shared.stream().anyMatch(Shared::trains);
  }

  /** The tensors in order of declaration. */
  public final List<Trainable> trainables() {
    return Collections.unmodifiableList(trainables);
  }

  /** Whether a training step is running: dropout is applied only then. */
  protected final boolean isTraining() {
    return training;
  }

  final void setTraining(boolean training) {
    this.training = training;
  }

  @Override
  public void close() {
    trainables.forEach(Trainable::close);
  }
}
