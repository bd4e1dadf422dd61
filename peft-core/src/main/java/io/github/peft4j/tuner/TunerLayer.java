package io.github.peft4j.tuner;

import ai.djl.ndarray.NDArray;
import io.github.peft4j.kernel.Autograd;
import io.github.peft4j.tuner.site.Site;
import java.util.ArrayList;
import java.util.Collections;
import java.util.List;
import java.util.Map;
import org.jspecify.annotations.Nullable;

/**
 * One adapter's layer at one {@link Site}.
 *
 * <p>{@link #forward} is the formula of the method's paper. It gets the site's input and {@code
 * base}, the site's computation without this layer. The layer is independent of the model family
 * and of other adapters. If several adapters are active, {@code base} contains those before this
 * one.
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
 * @param <I> the site's input
 * @param <O> the site's output
 */
public abstract class TunerLayer<I, O> implements Change<I, O>, AutoCloseable {

  private final List<Trainable> trainables = new ArrayList<>();
  private final List<SharedTensor> shared = new ArrayList<>();

  /** Computes the site's output with this layer. */
  @Override
  public abstract O forward(I input, Forward<I, O> base);

  /**
   * A regularization term that is added to the loss: a differentiable scalar, or null for none,
   * which is the default. It is added once per optimizer step, whatever the number of batches.
   */
  public @Nullable NDArray penalty() {
    return null;
  }

  /**
   * Why this layer needs each row to be one text, for example because it takes a mean over a row's
   * tokens; null if rows may hold several texts, which is the default.
   */
  public @Nullable String whyOneTextPerRow() {
    return null;
  }

  /**
   * Why what this layer computes for a text depends on its batch, for example because it takes a
   * mean that counts padding; null if it does not, which is the default. A batch in parts would
   * give other results, so that it is computed as a whole.
   */
  public @Nullable String whyWholeBatches() {
    return null;
  }

  /**
   * Whether this layer needs all tokens of a text in every pass, so that a generation cannot keep
   * keys and values of earlier ones; by default not.
   */
  public boolean readsWholeTexts() {
    return false;
  }

  /**
   * Whether {@link #forward} computes with {@link io.github.peft4j.kernel.Kernel}s alone, most of
   * which know their derivative. The backward pass of its model layer then goes kernel by kernel,
   * which costs less than PyTorch's graph. By default not.
   *
   * <p>Such a layer in a feed-forward network must compute each position by itself: it may get some
   * of the positions (B, n, D) at a time.
   */
  public boolean isMadeOfKernels() {
    return false;
  }

  /**
   * Whether {@link #forward} launches the same kernels on the same tensors in each step of a
   * training and for each token of a text that is written, for inputs of the same shapes: nothing
   * is decided in Java by a step's number, by chance or by values of tensors, and nothing is copied
   * between Java and the device. A CUDA graph of one step can stand for the others then, which
   * makes small models several times as fast. By default not, which is always right.
   */
  public boolean isRepeatable() {
    return false;
  }

  /**
   * Checks the numbers of a text, see {@link ForwardContext#rowValue}, before a training begins. By
   * default none is needed.
   *
   * @param numbers by name
   * @throws IllegalArgumentException if one is missing, or is none that this layer knows
   */
  public void checkRowValues(Map<String, Long> numbers) {}

  /**
   * A tensor in the form that the adapter file holds; by default the tensor itself.
   *
   * @param tensor one of {@link #trainables()}
   */
  public NDArray stored(Trainable tensor) {
    return tensor.value();
  }

  /**
   * Declares a trainable tensor.
   *
   * @param key its name after the site's name in Hugging Face PEFT's file
   * @param initial its initial value, which the layer owns from now on
   */
  protected final Trainable trainable(String key, NDArray initial) {
    return add(new Trainable(key, initial, Trainable.Kind.TRAINED));
  }

  /**
   * Declares a trainable tensor that shares the memory of another layer's tensor. It has its own
   * gradient and optimizer moments; an update of either changes both.
   *
   * @param view a view of the other tensor, for example its transpose
   */
  protected final Trainable view(String key, NDArray view) {
    return add(new Trainable(key, Autograd.detach(view), Trainable.Kind.TRAINED_VIEW));
  }

  /** Declares a tensor that is saved and loaded with the adapter but not trained. */
  protected final Trainable buffer(String key, NDArray value) {
    return add(new Trainable(key, value, Trainable.Kind.BUFFER));
  }

  /**
   * Declares a trainable tensor that Hugging Face PEFT's file lacks because inference does not need
   * it. It is saved in peft4j's own file, so that training can continue.
   */
  protected final Trainable beside(String key, NDArray initial) {
    return add(new Trainable(key, initial, Trainable.Kind.TRAINED_BESIDE));
  }

  /**
   * Declares a trainable tensor that is in no file of the adapter, because nobody needs it once the
   * adapter is trained. Checkpoints of a training hold it.
   */
  protected final Trainable unsaved(String key, NDArray initial) {
    return add(new Trainable(key, initial, Trainable.Kind.TRAINED_UNSAVED));
  }

  /**
   * Declares a tensor that is not trained and that Hugging Face PEFT computes anew instead of
   * saving it. It is saved in peft4j's own file; {@link #loaded} receives whether that file was
   * there.
   */
  protected final Trainable bufferBeside(String key, NDArray value) {
    return add(new Trainable(key, value, Trainable.Kind.BUFFER_BESIDE));
  }

  /**
   * Called after the tensors have been read from a folder.
   *
   * @param all whether the tensors of peft4j's own file have been read too
   */
  public void loaded(boolean all) {}

  /** An object with which parts of this layer declare their tensors. */
  protected final Declarations declarations() {
    return new Declarations(this);
  }

  /** The layers that this one is made of, the innermost first; by default itself. */
  public List<TunerLayer<I, O>> layers() {
    return List.of(this);
  }

  /**
   * Declares that this layer contains another layer, whose shared and trainable tensors it uses.
   */
  final void includes(TunerLayer<?, ?> layer) {
    trainables.addAll(layer.trainables);
    shared.addAll(layer.shared);
  }

  private Trainable add(Trainable trainable) {
    trainables.add(trainable);
    return trainable;
  }

  /** Declares that this layer reads a tensor that is computed once per pass. */
  protected final SharedTensor reads(SharedTensor value) {
    shared.add(value);
    return value;
  }

  /** The tensors that this layer reads and that are computed once per pass. */
  public final List<SharedTensor> shared() {
    return shared;
  }

  /** Whether a tensor of this layer needs a gradient. */
  public final boolean trains() {
    return trainables.stream().anyMatch(Trainable::trains)
        || shared.stream().anyMatch(SharedTensor::trains);
  }

  /** The declared tensors, buffers included, in order of declaration. */
  public final List<Trainable> trainables() {
    return Collections.unmodifiableList(trainables);
  }

  /**
   * Whether a training step is running that trains this layer. Dropout applies only then, and not
   * in a frozen adapter.
   */
  protected final boolean isTraining(ForwardContext context) {
    return context.isTraining() && trains();
  }

  /**
   * Called before the forward pass and after the backward pass of each training batch. Between the
   * two calls the tensors do not change, so values computed from them may be cached. No other pass
   * uses the layer meanwhile.
   */
  public void onTraining(boolean training) {}

  @Override
  public void close() {
    trainables.forEach(Trainable::close);
  }
}
