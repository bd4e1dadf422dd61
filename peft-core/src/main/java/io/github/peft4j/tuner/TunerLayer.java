package io.github.peft4j.tuner;

import ai.djl.ndarray.NDArray;
import io.github.peft4j.kernel.Autograd;
import io.github.peft4j.tuner.site.Site;
import java.util.ArrayList;
import java.util.Collections;
import java.util.List;
import org.jspecify.annotations.Nullable;

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
public abstract class TunerLayer<I, O> implements Change<I, O>, AutoCloseable {

  private final List<Trainable> trainables = new ArrayList<>();
  private final List<SharedTensor> shared = new ArrayList<>();

  /** Computes the site's output with this layer in it. */
  @Override
  public abstract O forward(I input, Forward<I, O> base);

  /**
   * What training keeps small besides the loss, as a recorded scalar; null for nothing. It counts
   * once a step, whatever the number of batches.
   */
  public @Nullable NDArray penalty() {
    return null;
  }

  /**
   * A tensor as the adapter file holds it; the tensor itself unless a layer says otherwise.
   *
   * @param tensor one of {@link #trainables()}
   */
  public NDArray stored(Trainable tensor) {
    return tensor.value();
  }

  /**
   * Declares a tensor that is trained.
   *
   * @param key its name below the site's in Hugging Face's file layout
   * @param initial its value; the layer takes ownership
   */
  protected final Trainable trainable(String key, NDArray initial) {
    return add(new Trainable(key, initial, Trainable.Kind.TRAINED));
  }

  /**
   * Declares a tensor that is trained on the memory of another layer's, with a gradient and moments
   * of its own: each change of one is a change of both.
   *
   * @param view of the other tensor, in any order of elements
   */
  protected final Trainable view(String key, NDArray view) {
    return add(new Trainable(key, Autograd.detach(view), Trainable.Kind.TRAINED_VIEW));
  }

  /** Declares a tensor that is saved and loaded with the adapter but not trained. */
  protected final Trainable buffer(String key, NDArray value) {
    return add(new Trainable(key, value, Trainable.Kind.BUFFER));
  }

  /**
   * Declares a tensor that is trained but that Hugging Face PEFT's file does not hold, since using
   * the adapter does not need it: it is stored beside, so that training can go on.
   */
  protected final Trainable beside(String key, NDArray initial) {
    return add(new Trainable(key, initial, Trainable.Kind.TRAINED_BESIDE));
  }

  /**
   * Declares a tensor that is neither trained nor in Hugging Face PEFT's file, which computes it
   * again instead: it is stored beside, and {@link #loaded} says whether it was there.
   */
  protected final Trainable bufferBeside(String key, NDArray value) {
    return add(new Trainable(key, value, Trainable.Kind.BUFFER_BESIDE));
  }

  /**
   * Called when the tensors have been read from a folder.
   *
   * @param all whether those that are stored beside were there as well
   */
  public void loaded(boolean all) {}

  /** Declares this layer's tensors, for the parts that it is made of. */
  protected final Declarations declarations() {
    return new Declarations(this);
  }

  /** Declares that this layer computes with another, and so reads and trains what that does. */
  final void includes(TunerLayer<?, ?> layer) {
    trainables.addAll(layer.trainables);
    shared.addAll(layer.shared);
  }

  private Trainable add(Trainable trainable) {
    trainables.add(trainable);
    return trainable;
  }

  /** Declares that this layer reads a tensor that is computed once a run. */
  protected final SharedTensor reads(SharedTensor value) {
    shared.add(value);
    return value;
  }

  /** What this layer reads that is computed once a run. */
  public final List<SharedTensor> shared() {
    return shared;
  }

  /** Whether a gradient is wanted by this layer. */
  public final boolean trains() {
    return trainables.stream().anyMatch(Trainable::trains)
        || shared.stream().anyMatch(SharedTensor::trains);
  }

  /** The tensors in order of declaration. */
  public final List<Trainable> trainables() {
    return Collections.unmodifiableList(trainables);
  }

  /**
   * Whether a training step is running that trains this layer: dropout is applied only then, and
   * not in a frozen adapter that others are trained on.
   */
  protected final boolean isTraining(ForwardContext context) {
    return context.isTraining() && trains();
  }

  /**
   * Called when a batch of a training step begins and ends its run forwards and back: in between,
   * tensors stay as they are, and what is made of them may be kept. No other pass computes with the
   * layer meanwhile.
   */
  public void onTraining(boolean training) {}

  @Override
  public void close() {
    trainables.forEach(Trainable::close);
  }
}
