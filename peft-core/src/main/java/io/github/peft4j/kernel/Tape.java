package io.github.peft4j.kernel;

import ai.djl.ndarray.NDArray;
import io.github.peft4j.kernel.Value.Gradient;
import java.util.ArrayList;
import java.util.Collections;
import java.util.IdentityHashMap;
import java.util.List;
import java.util.Set;
import java.util.function.BiConsumer;
import java.util.function.Function;
import java.util.function.LongConsumer;
import java.util.function.Supplier;
import java.util.function.UnaryOperator;
import org.jspecify.annotations.Nullable;

/**
 * Runs a model in segments, such as its layers, and in training runs the backward pass segment by
 * segment.
 *
 * <p>There are four ways to run the same model code:
 *
 * <ul>
 *   <li>{@link #inference}: nothing is recorded. Each segment's intermediates are freed at its end.
 *   <li>{@link #recording}: every segment's graph is kept until {@link Recording#backward}. This is
 *       the fastest for training.
 *   <li>{@link #recomputing}: only each segment's input is kept, and the segment runs a second time
 *       in the backward pass (activation checkpointing, Chen et al. 2016, arXiv:1604.06174).
 *   <li>{@link #sparing}: as recomputing, but the inputs are put away until the backward pass, and
 *       what computes each position by itself runs in parts. This takes the least memory.
 * </ul>
 *
 * <p>Detached leaves separate the segments, so that the backward pass goes one segment at a time:
 * the gradient of a segment's input is that of the previous segment's output. A tensor that many
 * segments read, such as an encoder's output or a prefix, is {@linkplain #share shared}: it enters
 * them as one leaf, PyTorch adds up its gradients, and the sum goes to the tensor's origin.
 * Parameters collect their own gradients.
 *
 * <p>Each segment starts from a seed of its own, so that dropout is the same in both runs.
 */
public abstract class Tape {

  /** The tensors that the graph of the segment which is being recorded gives up for a while. */
  private static final ThreadLocal<@Nullable List<Remade>> REMADE = new ThreadLocal<>();

  private Tape() {}

  /**
   * Gives up the memory of a tensor that PyTorch's graph keeps, until the backward pass of the
   * segment that is being recorded. This does nothing in a segment whose backward pass is the next
   * thing, and outside of segments.
   *
   * @param tensor a tensor that needs no gradient, and whose memory is nobody else's
   * @param again makes its numbers anew, of the type and on the device of the empty tensor that it
   *     gets
   */
  public static void remake(NDArray tensor, UnaryOperator<NDArray> again) {
    List<Remade> remade = REMADE.get();
    if (remade != null) {
      Remade given = new Remade(Scope.release(tensor), again);
      remade.add(given);
      given.empty();
    }
  }

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
    return new Recording(seed, false, null, Integer.MAX_VALUE);
  }

  /**
   * A tape that keeps the inputs of segments and runs the segments again in the backward pass.
   *
   * @param seed of the step's dropout
   */
  public static Recording recomputing(long seed) {
    return new Recording(seed, true, null, Integer.MAX_VALUE);
  }

  /**
   * A tape that keeps little more than one segment on the device. Segments run again in the
   * backward pass, as with {@link #recomputing}. A tensor that a segment has read is closed; from
   * then on it can be read through the tape alone, by another segment or {@linkplain #share
   * shared}.
   *
   * @param seed of the step's dropout
   * @param store where the inputs of segments are until then; null to leave them where they are
   * @param positions how many {@linkplain #endByPosition positions} are computed at once, those of
   *     all rows of the batch together, 1 or more
   */
  public static Recording sparing(long seed, @Nullable Store store, int positions) {
    if (positions < 1) {
      throw new IllegalArgumentException("positions is " + positions + ", expected 1 or more");
    }
    return new Recording(seed, true, store, positions);
  }

  /** Keeps tensors of one tape in another memory than the device's. */
  public interface Store extends AutoCloseable {

    /** A copy of a tensor in the other memory. The tensor may be closed at once. */
    NDArray put(NDArray tensor);

    /**
     * A copy on the device of what {@link #put} returned, which may be closed at once.
     *
     * @param next the copy that will probably be asked for next, so that it may be on its way; null
     *     for none. It is not closed before
     */
    NDArray get(NDArray copy, @Nullable NDArray next);

    /** Frees what is on its way. */
    @Override
    default void close() {}
  }

  /** Whether there will be a backward pass. */
  public boolean isRecording() {
    return false;
  }

  /**
   * Whether the current segment will have a backward pass, so that {@link #watch} may be called.
   */
  public boolean isWatching() {
    return false;
  }

  /**
   * Requests the gradient of an intermediate, for a derivative that is cheaper to compute by hand
   * than PyTorch's.
   *
   * @param tensor a recorded tensor that retains its gradient; the tape closes it
   * @param action receives the tensor and its gradient, of the same shape, after the segment's
   *     backward pass. It is not called if no gradient arrived
   * @throws IllegalStateException if not {@link #isWatching}
   */
  public void watch(NDArray tensor, BiConsumer<NDArray, NDArray> action) {
    throw new IllegalStateException("no segment is being recorded");
  }

  /**
   * Runs the first segment of a chain. It has no differentiable input and is never run again.
   *
   * @return its output
   */
  public abstract NDArray source(Supplier<NDArray> segment);

  /**
   * Runs one segment.
   *
   * @param input the output of an earlier segment, or any tensor
   * @param trains whether the segment has trainable parameters, or reads a shared tensor that
   *     depends on some
   * @param segment a function of {@code input}. Everything else that it reads must be a constant, a
   *     parameter or shared
   * @return its output
   */
  public abstract NDArray segment(NDArray input, boolean trains, UnaryOperator<NDArray> segment);

  /**
   * Runs one segment that computes with kernels alone. If it is recorded, its backward pass goes
   * kernel by kernel, by their {@linkplain Kernel#derivative derivatives}, which costs less than
   * PyTorch's graph. The results are the same.
   *
   * @return the segment's output
   */
  public NDArray segmentOfKernels(NDArray input, boolean trains, UnaryOperator<NDArray> segment) {
    return segment(input, trains, segment);
  }

  /**
   * Says that the next segment is the last large one. A {@link #recomputing} tape keeps its graph,
   * since its backward pass comes first: to run it again would take as much memory, and more time.
   */
  public void keepNext() {}

  /**
   * Runs the end of a segment that computes each position by itself, such as a feed-forward network
   * with its norm. A {@link #sparing} tape does so in parts, if the segment is one {@linkplain
   * #segmentOfKernels of kernels}, and draws random numbers for each part.
   *
   * @param x (B, T, D)
   * @param end from (B, n, D), for some of the T positions, to (B, n, D)
   * @return its output, which has to be the segment's
   */
  public NDArray endByPosition(NDArray x, UnaryOperator<NDArray> end) {
    return end.apply(x);
  }

  /**
   * Makes a tensor readable for later segments.
   *
   * @param tensor an output of a segment, or a tensor recorded outside of segments
   * @return the tensor that the segments must read
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

  /** Whether segments are recorded kernel by kernel, unless {@code -Dpeft4j.derivatives=false}. */
  public static boolean isByKernels() {
    return !"false".equals(System.getProperty("peft4j.derivatives"));
  }

  /** A segment by itself, which computes with kernels alone, and its backward pass. */
  public static final class Segment implements AutoCloseable {

    private final NDArray x;
    private final Operations kernels = new Operations(true);
    private final NDArray output;

    /**
     * Runs the segment.
     *
     * @param x gets a gradient. It needs none of PyTorch's, and is there until this is closed
     */
    public Segment(NDArray x, UnaryOperator<NDArray> segment) {
      this.x = x;
      try {
        this.output = kernels.record(x, () -> segment.apply(x));
      } catch (RuntimeException | Error e) {
        close();
        throw e;
      }
    }

    /** The output, in the innermost scope. */
    public NDArray output() {
      return output;
    }

    /**
     * Runs the backward pass, once. Parameters collect their gradients.
     *
     * @param gradient that of the output, which may have the output's memory. It is closed
     * @return the gradient of x, which the caller closes; null if the output does not depend on x
     */
    public @Nullable NDArray backward(NDArray gradient) {
      Gradient onward = kernels.backward(output, new Gradient(gradient, false), x);
      return onward == null ? null : onward.array();
    }

    /** Frees what is kept. */
    @Override
    public void close() {
      kernels.discard();
    }
  }

  /** A tape whose backward pass can run once. */
  public static final class Recording extends Tape implements AutoCloseable {

    private final long seed;
    private final boolean recompute;
    private final @Nullable Store store;
    private final int positions;

    private final boolean byKernels = isByKernels();

    private final List<Entry> entries = new ArrayList<>();
    private final IdentityHashMap<NDArray, Gradient> gradients = new IdentityHashMap<>();
    private final IdentityHashMap<NDArray, Boolean> differentiable = new IdentityHashMap<>();

    /** Arrays that no scope frees. Those that are closed already are closed again, in vain. */
    private final List<NDArray> owned = new ArrayList<>();

    private final List<Operations> operations = new ArrayList<>();

    /** Outputs that may be put away once a segment has read them. */
    private final Set<NDArray> movable = Collections.newSetFromMap(new IdentityHashMap<>());

    /** The outputs that are put away, and their copies. */
    private final IdentityHashMap<NDArray, NDArray> away = new IdentityHashMap<>();

    /** The copies of them, in the order in which they were put away. */
    private final List<NDArray> copies = new ArrayList<>();

    /** Collects the requests of the segment that is being recorded. */
    private @Nullable List<Watched> requests;

    /** Whether the segment that runs may be divided. */
    private boolean divides;

    /** Whether a segment runs again, so that nobody reads its output. */
    private boolean runsAgain;

    /** Whether the next segment is kept on a tape that keeps none. */
    private boolean keepsNext;

    /** The seed of the segment that runs. */
    private long segmentSeed;

    private Recording(long seed, boolean recompute, @Nullable Store store, int positions) {
      this.seed = seed;
      this.recompute = recompute;
      this.store = store;
      this.positions = positions;
    }

    @Override
    public boolean isRecording() {
      return true;
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
        watched.add(new Watched(own(tensor), action));
      }
    }

    @Override
    public NDArray source(Supplier<NDArray> segment) {
      int index = entries.size();
      List<Watched> watched = new ArrayList<>();
      NDArray output = recorded(index, watched, segment);
      boolean isDifferentiable = Autograd.requiresGradient(output);
      differentiable.put(output, isDifferentiable);
      if (!isDifferentiable) {
        movable.add(output);
      }
      entries.add(
          () -> {
            Gradient gradient = gradients.remove(output);
            if (gradient != null && Autograd.requiresGradient(output)) {
              Autograd.record(true, () -> propagate(output, gradient));
            }
            watched.forEach(Watched::finish);
            free(output);
          });
      return output;
    }

    @Override
    public void keepNext() {
      keepsNext = store == null && positions == Integer.MAX_VALUE;
    }

    @Override
    public NDArray segment(NDArray input, boolean trains, UnaryOperator<NDArray> segment) {
      return run(input, trains, false, segment, ByGraph::new);
    }

    @Override
    public NDArray segmentOfKernels(NDArray input, boolean trains, UnaryOperator<NDArray> segment) {
      return byKernels
          ? run(input, trains, true, segment, ByKernels::new)
          : segment(input, trains, segment);
    }

    private NDArray run(
        NDArray input,
        boolean trains,
        boolean divides,
        UnaryOperator<NDArray> segment,
        Recorder recorder) {
      int index = entries.size();
      boolean passesOn = isDifferentiable(input);
      if (!passesOn && !trains) {
        NDArray output = unrecorded(index, input, divides, segment);
        differentiable.put(output, false);
        movable.add(output);
        entries.add(() -> free(output));
        return output;
      }
      boolean keeps = !recompute || keepsNext;
      keepsNext = false;
      Recorded recorded = keeps ? recorder.record(index, input, passesOn, segment) : null;
      NDArray output =
          recorded == null ? unrecorded(index, input, divides, segment) : recorded.output();
      differentiable.put(output, recorded == null || recorded.isDifferentiable());
      if (recorded == null) {
        movable.add(output);
        putAway(input);
      }
      entries.add(
          () -> {
            Gradient gradient = gradients.remove(output);
            if (gradient == null) { // nobody read the output, or what did is not trained
              if (recorded != null) {
                recorded.discard();
              }
              free(output);
              return;
            }
            if (recorded == null) {
              free(output); // only the next segment needed it
            }
            Recorded latest =
                recorded == null
                    ? again(index, input, passesOn, divides, segment, recorder)
                    : recorded;
            Gradient onward = latest.back(gradient);
            if (onward != null) {
              add(input, onward);
            }
          });
      return output;
    }

    private NDArray unrecorded(
        int index, NDArray input, boolean divides, UnaryOperator<NDArray> segment) {
      this.divides = divides;
      try {
        return reading(input, in -> Autograd.without(() -> seeded(index, () -> segment.apply(in))));
      } finally {
        this.divides = false;
      }
    }

    /** Runs a segment again, now recorded. */
    private Recorded again(
        int index,
        NDArray input,
        boolean passesOn,
        boolean divides,
        UnaryOperator<NDArray> segment,
        Recorder recorder) {
      this.divides = divides;
      runsAgain = true;
      try {
        return reading(input, in -> recorder.record(index, in, passesOn, segment));
      } finally {
        runsAgain = false;
        this.divides = false;
      }
    }

    /** Puts a segment's input away, if it is this tape's and only the backward pass needs it. */
    private void putAway(NDArray input) {
      Store elsewhere = store;
      if (elsewhere != null && movable.remove(input)) {
        NDArray copy = own(elsewhere.put(input));
        away.put(input, copy);
        copies.add(copy);
        input.close();
      }
    }

    /** Runs code on a tensor, or on a copy of it that is freed afterwards, if it is put away. */
    private <T> T reading(NDArray tensor, Function<NDArray, T> code) {
      NDArray copy = away.get(tensor);
      Store elsewhere = store;
      if (copy == null || elsewhere == null) {
        return code.apply(tensor);
      }
      try (NDArray back = Scope.release(elsewhere.get(copy, before(copy)))) {
        return code.apply(back);
      }
    }

    /** The copy that the backward pass needs after this one. */
    private @Nullable NDArray before(NDArray copy) {
      int last = copies.size() - 1;
      return last > 0 && copies.get(last) == copy ? copies.get(last - 1) : null;
    }

    private void free(NDArray output) {
      output.close();
      NDArray copy = away.remove(output);
      if (copy != null) {
        copy.close();
        copies.removeIf(each -> each == copy);
      }
    }

    @Override
    public NDArray endByPosition(NDArray x, UnaryOperator<NDArray> end) {
      long atOnce = Math.max(1, positions / x.getShape().get(0));
      if (divides && x.getShape().get(1) > atOnce) {
        return new Parts(end, atOnce, segmentSeed).apply(x);
      }
      Operations running = Operations.running();
      return running != null && runsAgain ? running.ending(() -> end.apply(x)) : end.apply(x);
    }

    @Override
    public NDArray share(NDArray tensor) {
      if (!isDifferentiable(tensor)) {
        return away.containsKey(tensor) ? own(reading(tensor, NDArray::duplicate)) : tensor;
      }
      NDArray leaf = own(reading(tensor, Autograd::leaf));
      differentiable.put(leaf, true);
      entries.add(
          () -> {
            NDArray collected = Autograd.gradient(leaf);
            if (collected != null) {
              Gradient gradient = new Gradient(collected, false);
              if (!differentiable.containsKey(tensor) && Autograd.requiresGradient(tensor)) {
                propagate(tensor, gradient);
              } else {
                add(tensor, gradient); // which may be shared more than once
              }
            }
            leaf.close();
          });
      return leaf;
    }

    /**
     * Runs the backward pass. Afterwards the parameters have collected their gradients.
     *
     * @param output the output of the last segment
     * @param gradient the gradient of the loss with respect to that output
     */
    public void backward(NDArray output, NDArray gradient) {
      owned.add(gradient);
      gradients.put(output, new Gradient(gradient, false));
      for (int i = entries.size() - 1; i >= 0; i--) {
        try (Scope scope = new Scope()) {
          entries.get(i).run();
        }
      }
      gradients.values().forEach(Gradient::release);
      entries.clear();
    }

    private void add(NDArray tensor, Gradient gradient) {
      Gradient present = gradients.remove(tensor);
      Gradient sum = present == null ? gradient : Gradient.sum(present, gradient);
      own(sum.array());
      gradients.put(tensor, sum);
    }

    private boolean isDifferentiable(NDArray tensor) {
      Boolean known = differentiable.get(tensor);
      return known != null ? known : Autograd.requiresGradient(tensor);
    }

    private static NDArray propagate(NDArray output, Gradient gradient) {
      Autograd.backward(output, gradient.array());
      gradient.release();
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
      segmentSeed = seed * 1_000_003L + index;
      try (RandomState random = RandomState.seeded(segmentSeed);
          Scope scope = new Scope()) {
        NDArray output = segment.get();
        return own(output);
      }
    }

    private NDArray own(NDArray array) {
      owned.add(array);
      return Scope.release(array);
    }

    /** Frees what is left of a pass that failed. */
    @Override
    public void close() {
      operations.forEach(Operations::discard);
      operations.clear();
      owned.forEach(NDArray::close);
      owned.clear();
      entries.clear();
      gradients.clear();
      movable.clear();
      away.clear();
      copies.clear();
      if (store != null) {
        store.close();
      }
    }

    /** One step of the backward pass. */
    private interface Entry {
      void run();
    }

    /** Runs a segment so that it can have a backward pass. */
    private interface Recorder {
      Recorded record(int index, NDArray input, boolean passesOn, UnaryOperator<NDArray> segment);
    }

    /** A segment that has run. */
    private interface Recorded {
      NDArray output();

      boolean isDifferentiable();

      /** The gradient of the segment's input, or null. Frees the segment. */
      @Nullable Gradient back(Gradient gradient);

      /** Frees what {@link #back} would have needed, but not the output. */
      void discard();
    }

    /** A segment with PyTorch's graph, which begins at a leaf. */
    private final class ByGraph implements Recorded {

      private final NDArray leaf;
      private final List<Watched> watched = new ArrayList<>();
      private final List<Remade> remade = new ArrayList<>();
      private final NDArray output;
      private final boolean passesOn;

      ByGraph(int index, NDArray input, boolean passesOn, UnaryOperator<NDArray> segment) {
        this.leaf = own(passesOn ? Autograd.leaf(input) : Autograd.detach(input));
        this.passesOn = passesOn;
        boolean waits = !runsAgain; // if not, the backward pass of the segment is the next thing
        REMADE.set(waits ? remade : null);
        try {
          this.output = recorded(index, watched, () -> segment.apply(leaf));
        } finally {
          REMADE.remove();
          remade.forEach(each -> owned.add(each.tensor));
        }
      }

      @Override
      public NDArray output() {
        return output;
      }

      @Override
      public boolean isDifferentiable() {
        return Autograd.requiresGradient(output);
      }

      @Override
      public @Nullable Gradient back(Gradient gradient) {
        if (isDifferentiable()) {
          remade.forEach(Remade::fill);
          propagate(output, gradient);
        }
        watched.forEach(Watched::finish);
        remade.forEach(Remade::close);
        output.close();
        NDArray onward = passesOn ? Autograd.gradient(leaf) : null;
        leaf.close();
        return onward == null ? null : new Gradient(onward, false);
      }

      @Override
      public void discard() {
        watched.forEach(Watched::finish);
        remade.forEach(Remade::close);
        leaf.close();
      }
    }

    /** A segment that computes with kernels, whose derivatives are its backward pass. */
    private final class ByKernels implements Recorded {

      private final NDArray input;
      private final Operations kernels;
      private final NDArray output;
      private final boolean passesOn;

      ByKernels(int index, NDArray input, boolean passesOn, UnaryOperator<NDArray> segment) {
        this.input = own(Autograd.detach(input));
        this.passesOn = passesOn;
        // when it runs again, its backward pass is the next thing
        this.kernels = new Operations(!runsAgain || positions < Integer.MAX_VALUE);
        operations.add(kernels);
        NDArray own = this.input;
        this.output =
            seeded(index, () -> kernels.record(passesOn ? own : null, () -> segment.apply(own)));
      }

      @Override
      public NDArray output() {
        return output;
      }

      @Override
      public boolean isDifferentiable() {
        return true;
      }

      @Override
      public @Nullable Gradient back(Gradient gradient) {
        Gradient onward = kernels.backward(output, gradient, passesOn ? input : null);
        output.close();
        input.close();
        return onward;
      }

      @Override
      public void discard() {
        kernels.discard();
        input.close();
      }
    }
  }

  /** The end of a segment, which computes some positions at a time. */
  private static final class Parts {

    private static final Kernel SOME =
        Kernel.of(
            """
            def some(x: Tensor, start: Tensor, count: Tensor) -> Tensor:     # (B, T, D) → (B, n, D)
                return torch.narrow(x, 1, int(start), int(count))
            """);
    private static final Kernel WRITE =
        Kernel.of(
            """
            def write(into: Tensor, some: Tensor, start: Tensor) -> Tensor:  # (B, T, D), (B, n, D)
                return torch.copy_(torch.narrow(into, 1, int(start), torch.size(some, 1)), some)
            """);

    private final UnaryOperator<NDArray> end;
    private final long atOnce;
    private final long seed;

    /**
     * Creates the parts.
     *
     * @param atOnce the most positions of a part
     * @param seed of the segment
     */
    Parts(UnaryOperator<NDArray> end, long atOnce, long seed) {
      this.end = end;
      this.atOnce = atOnce;
      this.seed = seed;
    }

    /**
     * The output for x. A recorded segment does not need it: its backward pass computes the parts.
     */
    NDArray apply(NDArray x) {
      Operations running = Operations.running();
      if (running != null) {
        return running.end(x, this::back);
      }
      NDArray y = Tensors.zerosLike(x);
      each(x, start -> WRITE.call(y, end.apply(part(x, start)), Tensors.scalar(start)));
      return y;
    }

    /** Runs each part and its backward pass. */
    private @Nullable NDArray back(NDArray x, NDArray gradient, boolean passesOn) {
      NDArray onward = Tensors.zerosLike(x);
      each(
          x,
          start -> {
            NDArray in = part(x, start);
            NDArray wanted = passesOn ? in : null;
            Operations kernels = new Operations(true);
            try {
              NDArray y = kernels.record(wanted, () -> kernels.ending(() -> end.apply(in)));
              NDArray some = Scope.release(part(gradient, start));
              Gradient back = kernels.backward(y, new Gradient(some, false), wanted);
              if (back != null) {
                WRITE.call(onward, back.array(), Tensors.scalar(start));
                back.release();
              }
            } finally {
              kernels.discard();
            }
          });
      return passesOn ? Scope.release(onward) : null;
    }

    private void each(NDArray x, LongConsumer work) {
      for (long start = 0; start < x.getShape().get(1); start += atOnce) {
        try (RandomState random = RandomState.seeded(seed * 1_000_003L + 1 + start);
            Scope scope = new Scope()) {
          work.accept(start);
        }
      }
    }

    private NDArray part(NDArray x, long start) {
      long count = Math.min(atOnce, x.getShape().get(1) - start);
      return SOME.call(x, Tensors.scalar(start), Tensors.scalar(count));
    }
  }

  /** A tensor of a graph whose memory is given up between the forward and the backward pass. */
  private record Remade(NDArray tensor, UnaryOperator<NDArray> again) {

    /** What PyTorch's graph has kept is the tensor itself, so it sees the new memory. */
    private static final Kernel SET =
        Kernel.of(
            """
            def set(tensor: Tensor, memory: Tensor) -> Tensor:
                _0 = torch.set_data(tensor, memory)
                return memory
            """);

    private static final Kernel EMPTY =
        Kernel.of(
            """
            def empty(tensor: Tensor) -> Tensor:
                _0 = torch.set_data(tensor, torch.empty([0], dtype=tensor.dtype, layout=None, device=tensor.device))
                return tensor
            """);

    void empty() {
      Autograd.without(() -> Scope.release(EMPTY.call(tensor))).close();
    }

    void fill() {
      Autograd.without(
          () -> {
            try (Scope scope = new Scope()) {
              return SET.call(tensor, again.apply(tensor));
            }
          });
    }

    void close() {
      tensor.close();
    }
  }

  /** An intermediate whose gradient was requested. */
  private record Watched(NDArray tensor, BiConsumer<NDArray, NDArray> action) {

    /** Passes the gradient to the action, if one has arrived, and frees the tensor. */
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
