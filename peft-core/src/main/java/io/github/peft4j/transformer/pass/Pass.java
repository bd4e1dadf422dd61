package io.github.peft4j.transformer.pass;

import ai.djl.ndarray.NDArray;
import ai.djl.ndarray.types.Shape;
import io.github.peft4j.kernel.Dropout;
import io.github.peft4j.kernel.Scope;
import io.github.peft4j.kernel.Tape;
import io.github.peft4j.tuner.BatchRows;
import io.github.peft4j.tuner.ForwardContext;
import io.github.peft4j.tuner.SharedTensor;
import io.github.peft4j.tuner.site.ActiveAdapters;
import io.github.peft4j.tuner.site.InputSite;
import java.util.ArrayList;
import java.util.IdentityHashMap;
import java.util.List;
import java.util.Map;
import org.jspecify.annotations.Nullable;

/**
 * What the layers of one stack share during one forward pass: the adapters, masks, positions, the
 * cache, the tape.
 *
 * <p>Arrays that a pass holds are constants of it and are freed when it is closed.
 */
public final class Pass implements ForwardContext, AutoCloseable {

  private final Run run;
  private final BatchRows rows;

  /** What all rows of a pass share. */
  private static final class Run {
    final Tape tape;
    final @Nullable KeyValueCache cache;
    final ActiveAdapters adapters;
    final Map<SharedTensor, NDArray> values;
    final List<NDArray> held = new ArrayList<>();
    final List<Pass> others = new ArrayList<>();
    @Nullable NDArray ids;
    @Nullable NDArray mask;
    @Nullable NDArray bias;
    boolean training;
    boolean leftPadded;
    boolean causal;
    boolean blind;
    long start;
    long length;
    long virtual;
    long ahead;
    @Nullable NDArray positions;
    @Nullable NDArray cosine;
    @Nullable NDArray sine;
    @Nullable NDArray memory;
    @Nullable NDArray memoryBias;

    Run(
        Tape tape,
        @Nullable KeyValueCache cache,
        ActiveAdapters adapters,
        Map<SharedTensor, NDArray> values) {
      this.tape = tape;
      this.cache = cache;
      this.adapters = adapters;
      this.values = values;
    }
  }

  private Pass(Run run, BatchRows rows) {
    this.run = run;
    this.rows = rows;
  }

  /**
   * Starts a pass.
   *
   * @param tape how segments are run
   * @param cache keys and values of earlier positions, or null
   * @param adapters that compute; they have to live as long as the pass
   */
  public Pass(Tape tape, @Nullable KeyValueCache cache, ActiveAdapters adapters) {
    this(new Run(tape, cache, adapters, new IdentityHashMap<>()), BatchRows.ALL);
  }

  /** A pass of inference without a cache. */
  public static Pass inference(ActiveAdapters adapters) {
    return new Pass(Tape.inference(), null, adapters);
  }

  /** The pass that a site of this model computes in. */
  public static Pass of(ForwardContext context) {
    return (Pass) context; // a model starts no other
  }

  @Override
  public Pass of(BatchRows rows) {
    return new Pass(run, rows);
  }

  @Override
  public ActiveAdapters adapters() {
    return run.adapters;
  }

  @Override
  public BatchRows rows() {
    return rows;
  }

  /**
   * Says that rows are padded on the left, as for generation: their positions count from the first
   * real token on, so that a row computes what it computes alone.
   */
  public Pass leftPadded() {
    run.leftPadded = true;
    return this;
  }

  /** The same run's pass through another stack, without a cache; closed with this one. */
  public Pass beside() {
    Pass other = new Pass(new Run(run.tape, null, run.adapters, run.values), rows);
    other.run.training = run.training;
    run.others.add(other);
    return other;
  }

  /** Computes what layers share, for this pass or, with a cache, for all passes with it. */
  public void compute() {
    List<SharedTensor> shared = run.adapters.shared();
    Tape tape = run.tape;
    KeyValueCache cache = run.cache;
    for (int i = 0; i < shared.size(); i++) {
      SharedTensor value = shared.get(i);
      run.values.put(
          value,
          cache == null
              ? tape.share(tape.source(() -> value.compute(this)))
              : cache.once("shared." + i, () -> value.compute(this)));
    }
  }

  @Override
  public NDArray value(SharedTensor shared) {
    NDArray value = run.values.get(shared);
    if (value == null) {
      throw new IllegalStateException(
          "a layer reads a shared value without having declared it: call reads(shared)");
    }
    return value;
  }

  /** Turns the model's own dropout on, as in training. */
  public Pass training() {
    run.training = true;
    return this;
  }

  /** Dropout of the frozen model: x with a part of its elements zeroed while training. */
  public NDArray drop(NDArray x, double probability) {
    return run.training && probability > 0 ? Dropout.of(probability).call(x) : x;
  }

  @Override
  public boolean isTraining() {
    return run.training;
  }

  @Override
  public Tape tape() {
    return run.tape;
  }

  /** Keys and values of earlier positions, or null. */
  public @Nullable KeyValueCache cache() {
    return run.cache;
  }

  /** How many positions earlier runs have put into the cache. */
  public long past() {
    KeyValueCache cache = run.cache;
    return cache == null ? 0 : cache.length();
  }

  /**
   * Takes note of the sequence that enters the stack.
   *
   * @param ids the tokens (B, T) of which it was made
   */
  public void enter(NDArray ids, InputSite.Sequence sequence, boolean causal) {
    run.ids = ids;
    run.start = sequence.start();
    run.virtual = sequence.virtual();
    run.ahead = sequence.ahead();
    run.length = sequence.vectors().getShape().get(1);
    NDArray mask = sequence.mask();
    run.positions =
        run.leftPadded && mask != null
            ? hold(Masks.positions(sequence.vectors(), mask, sequence.shift()))
            : null;
    if (mask == null && causal && run.length > 1 && sequence.past() > 0) {
      mask = ids.getManager().ones(new Shape(ids.getShape().get(0), sequence.past() + run.length));
    }
    run.mask = sequence.mask() == null ? null : hold(sequence.mask().duplicate());
    run.blind = run.training && causal && mask != null && Masks.blinds(mask);
    if (mask != null) {
      run.bias = hold(Masks.bias(sequence.vectors(), mask, causal));
      run.causal = false;
    } else {
      run.bias = null;
      run.causal = causal && run.length > 1;
    }
  }

  /** The tokens (B, T) that entered. */
  public NDArray ids() {
    NDArray ids = run.ids;
    if (ids == null) {
      throw new IllegalStateException("there are no ids: nothing has entered a stack");
    }
    return ids;
  }

  @Override
  public boolean hasFullyMaskedQueries() {
    return run.blind;
  }

  /** Position of the first vector. */
  public long start() {
    return run.start;
  }

  /** By how much positions of keys are counted on more than those of queries. */
  public long ahead() {
    return run.ahead;
  }

  /** The position that would follow the last vector; in a padded row, its padding less. */
  public long end() {
    return run.start + run.length;
  }

  /** Positions (B, T) where they differ between rows, or null: {@link #start} and on. */
  public @Nullable NDArray positions() {
    return run.positions;
  }

  /** How many vectors in front stand for no token. */
  public long virtual() {
    return run.virtual;
  }

  /** What is added to the scores of self-attention, or null. */
  public @Nullable NDArray bias() {
    return run.bias;
  }

  /** Whether self-attention is causal without a bias saying so. */
  public boolean causal() {
    return run.causal;
  }

  /** Sets the rotary tables, (T, d) or (B, 1, T, d), of this pass's positions. */
  public void rotate(NDArray cosine, NDArray sine) {
    run.cosine = hold(cosine);
    run.sine = hold(sine);
  }

  public @Nullable NDArray cosine() {
    return run.cosine;
  }

  public @Nullable NDArray sine() {
    return run.sine;
  }

  /** The bias that masks what a query may not see: (B or 1, 1, T or 1, S), zeros if it may all. */
  public NDArray masking(NDArray x) {
    NDArray present = run.bias;
    if (present != null) {
      return present;
    }
    NDArray ones = x.getManager().ones(new Shape(1, past() + run.length));
    return Masks.bias(x, ones, run.causal);
  }

  /** Sets a bias for all layers of the stack, with all masks in it: (B or 1, H or 1, T, P + S). */
  public void bias(NDArray bias) {
    run.bias = bias;
    run.causal = false;
  }

  /** Sets what cross-attention reads: an encoder's output (B, S, D), and which of it (B, S). */
  public void remember(NDArray memory, @Nullable NDArray mask) {
    run.memory = memory;
    run.memoryBias = mask == null ? null : hold(Masks.bias(memory, mask, false));
  }

  /** Whether a gradient is wanted by something else that layers read than their input. */
  public boolean trains() {
    return (run.memory != null && run.memory.hasGradient())
        || (run.bias != null && run.bias.hasGradient());
  }

  /** 1 for what counts of the sequence that entered (B, past + n + T), or null if all does. */
  public @Nullable NDArray mask() {
    return run.mask;
  }

  public NDArray memory() {
    NDArray memory = run.memory;
    if (memory == null) {
      throw new IllegalStateException("cross-attention without an encoder's output");
    }
    return memory;
  }

  public @Nullable NDArray memoryBias() {
    return run.memoryBias;
  }

  /** Keeps an array until the pass is closed. */
  NDArray hold(NDArray array) {
    run.held.add(Scope.release(array));
    return array;
  }

  @Override
  public void close() {
    run.held.forEach(NDArray::close);
    run.held.clear();
    run.others.forEach(Pass::close);
    run.others.clear();
  }
}
