package io.github.peft4j.kernel;

import ai.djl.ndarray.NDArray;
import java.util.ArrayList;
import java.util.IdentityHashMap;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.Set;
import java.util.function.BiConsumer;
import java.util.function.Supplier;
import java.util.function.UnaryOperator;
import org.jspecify.annotations.Nullable;

/**
 * Runs a model segment by segment (a layer is a segment) and, when training, back again.
 *
 * <p>Three ways to run the same model code:
 *
 * <ul>
 *   <li>{@link #inference}: nothing is recorded; each segment's intermediates are freed at its end.
 *   <li>{@link #recording}: every segment's graph is kept until {@link Recording#backward}:
 *       fastest.
 *   <li>{@link #recomputing}: only each segment's input is kept, and the segment runs a second time
 *       on the way back (activation checkpointing, Chen et al. 2016, arXiv:1604.06174).
 * </ul>
 *
 * <p>Segments are cut apart by detached leaves, so that the way back goes one segment at a time:
 * the gradient of a segment's input is that of the output of the one before. A tensor that many
 * segments read (an encoder's output, a prefix) is {@linkplain #share shared}: it enters them as
 * one leaf, PyTorch adds up what reaches it, and the sum goes on to where the tensor came from.
 * Parameters collect their own gradients.
 *
 * <p>Each segment starts from a seed of its own, so that dropout is the same in both runs.
 */
public abstract class Tape {

  private Tape() {}

  /** A tape that records nothing. */
  public static Tape inference() {
    return new Inference();
  }

  /**
   * A tape that keeps the graphs of all segments.
   *
   * @param seed of the step's dropout
   */
  public static Recording recording(long seed) {
    return new Recording(seed, false);
  }

  /**
   * A tape that keeps the inputs of segments and runs them again on the way back.
   *
   * @param seed of the step's dropout
   */
  public static Recording recomputing(long seed) {
    return new Recording(seed, true);
  }

  /**
   * Whether a segment is running whose way back will come, so that {@link #watch} may be called.
   */
  public boolean isWatching() {
    return false;
  }

  /**
   * Asks for the gradient of an intermediate: for a derivative that is cheaper by hand than what
   * PyTorch would record.
   *
   * @param tensor recorded, and told to retain its gradient; the tape closes it
   * @param action gets the tensor and its gradient, of the same shape, when the segment's way back
   *     is done; not called if none arrived
   * @throws IllegalStateException if not {@link #isWatching}
   */
  public void watch(NDArray tensor, BiConsumer<NDArray, NDArray> action) {
    throw new IllegalStateException("no segment is being recorded");
  }

  /**
   * Asks for something to be done once, when the whole way back is done.
   *
   * @param action done once however often it is asked for
   * @throws IllegalStateException if not {@link #isWatching}
   */
  public void afterwards(Runnable action) {
    throw new IllegalStateException("no segment is being recorded");
  }

  /**
   * Runs the segment a chain starts with; it has no differentiable input and is never run again.
   *
   * @return its output
   */
  public abstract NDArray source(Supplier<NDArray> segment);

  /**
   * Runs one segment.
   *
   * @param input the output of an earlier segment, or any tensor
   * @param trains whether the segment itself has something to train, or reads a shared tensor that
   *     has
   * @param segment a function of {@code input}; everything else it reads must be constant, a
   *     parameter or shared
   * @return its output
   */
  public abstract NDArray segment(NDArray input, boolean trains, UnaryOperator<NDArray> segment);

  /**
   * Makes a tensor readable for later segments.
   *
   * @param tensor an output of a segment, or recorded on its own
   * @return what the segments are to read
   */
  public abstract NDArray share(NDArray tensor);

  private static final class Inference extends Tape {
    @Override
    public NDArray source(Supplier<NDArray> segment) {
      return Autograd.without(
          () -> {
            try (Scope scope = new Scope()) {
              return scope.keep(segment.get());
            }
          });
    }

    @Override
    public NDArray segment(NDArray input, boolean trains, UnaryOperator<NDArray> segment) {
      return Autograd.without(() -> Scope.keeping(input, () -> segment.apply(input)));
    }

    @Override
    public NDArray share(NDArray tensor) {
      return tensor;
    }
  }

  /** A tape that can be run backwards, once. */
  public static final class Recording extends Tape {

    private final long seed;
    private final boolean recompute;
    private final List<Entry> entries = new ArrayList<>();
    private final Set<Runnable> afterwards = new LinkedHashSet<>();
    private final IdentityHashMap<NDArray, NDArray> gradients = new IdentityHashMap<>();
    private final IdentityHashMap<NDArray, Boolean> differentiable = new IdentityHashMap<>();

    /** Where requests of the segment go that is being recorded. */
    private @Nullable List<Watched> requests;

    private Recording(long seed, boolean recompute) {
      this.seed = seed;
      this.recompute = recompute;
    }

    @Override
    public boolean isWatching() {
      return requests != null;
    }

    @Override
    public void watch(NDArray tensor, BiConsumer<NDArray, NDArray> action) {
      List<Watched> watched = requests;
      if (watched == null) {
        super.watch(tensor, action);
      } else {
        watched.add(new Watched(Scope.release(tensor), action));
      }
    }

    @Override
    public void afterwards(Runnable action) {
      if (requests == null) {
        super.afterwards(action);
      }
      afterwards.add(action);
    }

    @Override
    public NDArray source(Supplier<NDArray> segment) {
      int index = entries.size();
      List<Watched> watched = new ArrayList<>();
      NDArray output = recorded(index, watched, segment);
      differentiable.put(output, Autograd.requiresGradient(output));
      entries.add(
          () -> {
            NDArray gradient = gradients.remove(output);
            if (gradient != null && Autograd.requiresGradient(output)) {
              Autograd.record(true, () -> propagate(output, gradient));
            }
            watched.forEach(Watched::finish);
            output.close();
          });
      return output;
    }

    @Override
    public NDArray segment(NDArray input, boolean trains, UnaryOperator<NDArray> segment) {
      int index = entries.size();
      boolean passesOn = isDifferentiable(input);
      if (!passesOn && !trains) {
        NDArray output = Autograd.without(() -> seeded(index, () -> segment.apply(input)));
        differentiable.put(output, false);
        entries.add(output::close);
        return output;
      }
      NDArray leaf = recompute ? null : leafOf(input, passesOn);
      List<Watched> watched = new ArrayList<>();
      NDArray output =
          leaf == null
              ? Autograd.without(() -> seeded(index, () -> segment.apply(input)))
              : recorded(index, watched, () -> segment.apply(leaf));
      differentiable.put(output, leaf == null || Autograd.requiresGradient(output));
      entries.add(() -> back(index, input, leaf, watched, passesOn, output, segment));
      return output;
    }

    @Override
    public NDArray share(NDArray tensor) {
      if (!isDifferentiable(tensor)) {
        return tensor;
      }
      NDArray leaf = Scope.release(Autograd.leaf(tensor));
      differentiable.put(leaf, true);
      entries.add(
          () -> {
            NDArray gradient = Autograd.gradient(leaf);
            if (gradient != null) {
              if (Autograd.requiresGradient(tensor) && !differentiable.containsKey(tensor)) {
                propagate(tensor, gradient);
              } else {
                gradients.put(tensor, Scope.release(gradient));
              }
            }
            leaf.close();
          });
      return leaf;
    }

    /**
     * Runs the segments backwards. Parameters have collected their gradients afterwards.
     *
     * @param output of the last segment
     * @param gradient of the loss by that output
     */
    public void backward(NDArray output, NDArray gradient) {
      gradients.put(output, gradient);
      for (int i = entries.size() - 1; i >= 0; i--) {
        try (Scope scope = new Scope()) {
          entries.get(i).run();
        }
      }
      afterwards.forEach(Runnable::run);
      gradients.values().forEach(NDArray::close);
      entries.clear();
    }

    private void back(
        int index,
        NDArray input,
        @Nullable NDArray recorded,
        List<Watched> watched,
        boolean passesOn,
        NDArray output,
        UnaryOperator<NDArray> segment) {
      NDArray gradient = gradients.remove(output);
      if (gradient == null) {
        watched.forEach(Watched::finish);
        output.close();
        return;
      }
      if (recorded == null) {
        output.close(); // only its successor needed it
      }
      NDArray leaf = recorded == null ? leafOf(input, passesOn) : recorded;
      NDArray result =
          recorded == null ? recorded(index, watched, () -> segment.apply(leaf)) : output;
      if (Autograd.requiresGradient(result)) {
        propagate(result, gradient);
      }
      watched.forEach(Watched::finish);
      result.close();
      if (passesOn) {
        NDArray onward = Autograd.gradient(leaf);
        if (onward != null) {
          add(input, onward);
        }
      }
      leaf.close();
    }

    private void add(NDArray tensor, NDArray gradient) {
      NDArray present = gradients.get(tensor);
      if (present == null) {
        gradients.put(tensor, Scope.release(gradient));
      } else {
        gradients.put(tensor, Scope.release(present.add(gradient)));
        present.close();
      }
    }

    private boolean isDifferentiable(NDArray tensor) {
      Boolean known = differentiable.get(tensor);
      return known != null ? known : Autograd.requiresGradient(tensor);
    }

    private static NDArray leafOf(NDArray input, boolean passesOn) {
      return Scope.release(passesOn ? Autograd.leaf(input) : Autograd.detach(input));
    }

    private static NDArray propagate(NDArray output, NDArray gradient) {
      Autograd.backward(output, gradient);
      gradient.close();
      return output;
    }

    private NDArray recorded(int index, List<Watched> watched, Supplier<NDArray> segment) {
      requests = watched;
      try {
        return Autograd.record(true, () -> seeded(index, segment));
      } finally {
        requests = null;
      }
    }

    private NDArray seeded(int index, Supplier<NDArray> segment) {
      try (RandomState random = RandomState.seeded(seed * 1_000_003L + index);
          Scope scope = new Scope()) {
        NDArray output = segment.get();
        return Scope.release(output);
      }
    }

    /** One step of the way back. */
    private interface Entry {
      void run();
    }
  }

  /** An intermediate whose gradient is asked for. */
  private record Watched(NDArray tensor, BiConsumer<NDArray, NDArray> action) {

    /** Hands the gradient on, if one has arrived, and frees the tensor. */
    void finish() {
      try (tensor) {
        NDArray gradient = Autograd.gradient(tensor);
        if (gradient != null) {
          Autograd.without(
              () -> {
                action.accept(tensor, gradient);
                return gradient;
              });
        }
      }
    }
  }
}
