package io.github.peft4j.transformer;

import ai.djl.ndarray.NDArray;
import ai.djl.ndarray.types.Shape;
import io.github.peft4j.kernel.Dropout;
import io.github.peft4j.kernel.Scope;
import io.github.peft4j.kernel.Tape;
import io.github.peft4j.tuner.InputSite;
import io.github.peft4j.tuner.Run;
import io.github.peft4j.tuner.Shared;
import java.util.ArrayList;
import java.util.IdentityHashMap;
import java.util.List;
import java.util.Map;
import org.jspecify.annotations.Nullable;

/**
 * What the layers of one stack share during one run: masks, positions, the cache, the tape.
 *
 * <p>Arrays that a pass holds are constants of the run and are freed when it is closed.
 */
public final class Pass implements Run, AutoCloseable {

  private final Tape tape;
  private final @Nullable KeyValueCache cache;
  private final Map<Shared, NDArray> values;
  private final List<NDArray> held = new ArrayList<>();
  private final List<Pass> others = new ArrayList<>();
  private @Nullable NDArray ids;
  private @Nullable NDArray mask;
  private @Nullable NDArray bias;
  private boolean training;
  private boolean leftPadded;
  private boolean causal;
  private boolean blind;
  private long start;
  private long length;
  private long virtual;
  private long ahead;
  private @Nullable NDArray positions;
  private @Nullable NDArray cosine;
  private @Nullable NDArray sine;
  private @Nullable NDArray memory;
  private @Nullable NDArray memoryBias;

  /**
   * Starts a pass.
   *
   * @param tape how segments are run
   * @param cache keys and values of earlier positions, or null
   */
  public Pass(Tape tape, @Nullable KeyValueCache cache) {
    this(tape, cache, new IdentityHashMap<>());
  }

  private Pass(Tape tape, @Nullable KeyValueCache cache, Map<Shared, NDArray> values) {
    this.tape = tape;
    this.cache = cache;
    this.values = values;
  }

  /** A pass of inference without a cache. */
  public static Pass inference() {
    return new Pass(Tape.inference(), null);
  }

  /**
   * Says that rows are padded on the left, as for generation: their positions count from the first
   * real token on, so that a row computes what it computes alone.
   */
  public Pass leftPadded() {
    leftPadded = true;
    return this;
  }

  /** The same run's pass through another stack, without a cache; closed with this one. */
  Pass beside() {
    Pass other = new Pass(tape, null, values);
    other.training = training;
    others.add(other);
    return other;
  }

  /** Computes what layers share, for this run or, with a cache, for all runs with it. */
  void compute(List<Shared> shared) {
    for (int i = 0; i < shared.size(); i++) {
      Shared value = shared.get(i);
      values.put(
          value,
          cache == null
              ? tape.share(tape.source(value::compute))
              : cache.once("shared." + i, value::compute));
    }
  }

  @Override
  public NDArray value(Shared shared) {
    NDArray value = values.get(shared);
    if (value == null) {
      throw new IllegalStateException(
          "a layer reads a shared value without having declared it: call reads(shared)");
    }
    return value;
  }

  /** Turns the model's own dropout on, as in training. */
  public Pass training() {
    training = true;
    return this;
  }

  /** Dropout of the frozen model: x with a part of its elements zeroed while training. */
  NDArray drop(NDArray x, double probability) {
    return training && probability > 0 ? Dropout.of(probability).call(x) : x;
  }

  @Override
  public boolean isTraining() {
    return training;
  }

  /** How segments are run. */
  public Tape tape() {
    return tape;
  }

  /** Keys and values of earlier positions, or null. */
  public @Nullable KeyValueCache cache() {
    return cache;
  }

  /** How many positions earlier runs have put into the cache. */
  public long past() {
    return cache == null ? 0 : cache.length();
  }

  /**
   * Takes note of the sequence that enters the stack.
   *
   * @param ids the tokens (B, T) of which it was made
   */
  void enter(NDArray ids, InputSite.Sequence sequence, boolean causal) {
    this.ids = ids;
    this.start = sequence.start();
    this.virtual = sequence.virtual();
    this.ahead = sequence.ahead();
    this.length = sequence.vectors().getShape().get(1);
    NDArray mask = sequence.mask();
    this.positions =
        leftPadded && mask != null
            ? hold(Masks.positions(sequence.vectors(), mask, sequence.shift()))
            : null;
    if (mask == null && causal && length > 1 && sequence.past() > 0) {
      mask = ids.getManager().ones(new Shape(ids.getShape().get(0), sequence.past() + length));
    }
    this.mask = sequence.mask() == null ? null : hold(sequence.mask().duplicate());
    this.blind = training && causal && mask != null && Masks.blinds(mask);
    if (mask != null) {
      this.bias = hold(Masks.bias(sequence.vectors(), mask, causal));
      this.causal = false;
    } else {
      this.bias = null;
      this.causal = causal && length > 1;
    }
  }

  /** The tokens (B, T) that entered. */
  NDArray ids() {
    if (ids == null) {
      throw new IllegalStateException("there are no ids: nothing has entered a stack");
    }
    return ids;
  }

  @Override
  public boolean isBlind() {
    return blind;
  }

  /** Position of the first vector. */
  long start() {
    return start;
  }

  /** By how much positions of keys are counted on more than those of queries. */
  long ahead() {
    return ahead;
  }

  /** The position that would follow the last vector; in a padded row, its padding less. */
  public long end() {
    return start + length;
  }

  /** Positions (B, T) where they differ between rows, or null: {@link #start} and on. */
  @Nullable NDArray positions() {
    return positions;
  }

  /** How many vectors in front stand for no token. */
  public long virtual() {
    return virtual;
  }

  /** What is added to the scores of self-attention, or null. */
  @Nullable NDArray bias() {
    return bias;
  }

  /** Whether self-attention is causal without a bias saying so. */
  boolean causal() {
    return causal;
  }

  /** Sets the rotary tables, (T, d) or (B, 1, T, d), of this run's positions. */
  void rotate(NDArray cosine, NDArray sine) {
    this.cosine = hold(cosine);
    this.sine = hold(sine);
  }

  @Nullable NDArray cosine() {
    return cosine;
  }

  @Nullable NDArray sine() {
    return sine;
  }

  /** The bias that masks what a query may not see: (B or 1, 1, T or 1, S), zeros if it may all. */
  NDArray masking(NDArray x) {
    NDArray present = bias;
    if (present != null) {
      return present;
    }
    NDArray ones = x.getManager().ones(new Shape(1, past() + length));
    return Masks.bias(x, ones, causal);
  }

  /** Sets a bias for all layers of the stack, with all masks in it: (B or 1, H or 1, T, P + S). */
  void bias(NDArray bias) {
    this.bias = bias;
    this.causal = false;
  }

  /** Sets what cross-attention reads: an encoder's output (B, S, D), and which of it (B, S). */
  void remember(NDArray memory, @Nullable NDArray mask) {
    this.memory = memory;
    this.memoryBias = mask == null ? null : hold(Masks.bias(memory, mask, false));
  }

  /** Whether a gradient is wanted by something else that layers read than their input. */
  boolean trains() {
    return (memory != null && memory.hasGradient()) || (bias != null && bias.hasGradient());
  }

  /** 1 for what counts of the sequence that entered (B, past + n + T), or null if all does. */
  @Nullable NDArray mask() {
    return mask;
  }

  NDArray memory() {
    if (memory == null) {
      throw new IllegalStateException("cross-attention without an encoder's output");
    }
    return memory;
  }

  @Nullable NDArray memoryBias() {
    return memoryBias;
  }

  /** Keeps an array until the pass is closed. */
  NDArray hold(NDArray array) {
    held.add(Scope.release(array));
    return array;
  }

  @Override
  public void close() {
    held.forEach(NDArray::close);
    held.clear();
    others.forEach(Pass::close);
    others.clear();
  }
}
