package io.github.peft4j.transformer.pass;

import ai.djl.ndarray.NDArray;
import io.github.peft4j.kernel.Dropout;
import io.github.peft4j.kernel.Ops;
import io.github.peft4j.kernel.Scope;
import io.github.peft4j.kernel.Tape;
import io.github.peft4j.kernel.Tensors;
import io.github.peft4j.kernel.device.Home;
import io.github.peft4j.transformer.rope.RotaryEmbedding;
import io.github.peft4j.transformer.rope.Rotation;
import io.github.peft4j.tuner.BatchRows;
import io.github.peft4j.tuner.ForwardContext;
import io.github.peft4j.tuner.Rows;
import io.github.peft4j.tuner.SharedTensor;
import io.github.peft4j.tuner.TunerLayer;
import io.github.peft4j.tuner.site.ActiveAdapters;
import io.github.peft4j.tuner.site.AttentionSite;
import io.github.peft4j.tuner.site.Sequence;
import java.util.ArrayList;
import java.util.IdentityHashMap;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.function.Supplier;
import org.jspecify.annotations.Nullable;

/**
 * The state that the layers of one stack share during one forward pass: adapters, masks, positions,
 * cache and tape.
 *
 * <p>The arrays of a pass do not change and are freed when it is closed.
 */
public final class Pass implements ForwardContext, AutoCloseable {

  private final Run run;
  private final BatchRows rows;
  private final @Nullable NDArray otherMemory;
  private final boolean still;
  private final boolean ofKernels;
  private final SharedState state;

  /** The state that all rows share. */
  private static final class Run {
    final Tape tape;
    final @Nullable KeyValueCache cache;
    final ActiveAdapters adapters;
    final SharedState main;
    final IdentityHashMap<Home, SharedState> elsewhere = new IdentityHashMap<>();
    final Map<TunerLayer<?, ?>, NDArray> left;
    final List<NDArray> held = new ArrayList<>();
    final List<Pass> others = new ArrayList<>();
    @Nullable ModelInput input;
    Map<String, NDArray> rowValues = Map.of();
    @Nullable Supplier<NDArray> frozen;
    @Nullable NDArray frozenStates;
    boolean training;
    boolean unread;
    boolean beside;
    int copies = 1;
    boolean leftPadded;
    boolean blind;
    long start;
    long length;
    long virtual;
    long keyOffset;

    Run(
        Tape tape,
        @Nullable KeyValueCache cache,
        ActiveAdapters adapters,
        Map<SharedTensor, NDArray> values,
        Map<TunerLayer<?, ?>, NDArray> left) {
      this.tape = tape;
      this.cache = cache;
      this.adapters = adapters;
      this.main = new SharedState(values);
      this.left = left;
    }
  }

  private Pass(
      Run run,
      BatchRows rows,
      @Nullable NDArray otherMemory,
      boolean still,
      boolean ofKernels,
      SharedState state) {
    this.run = run;
    this.rows = rows;
    this.otherMemory = otherMemory;
    this.still = still;
    this.ofKernels = ofKernels;
    this.state = state;
  }

  private Pass(Run run, BatchRows rows) {
    this(run, rows, null, false, false, run.main);
  }

  /**
   * Starts a pass.
   *
   * @param tape runs the segments
   * @param cache keys and values of earlier positions, or null
   * @param adapters the adapters; they have to live as long as the pass
   */
  public Pass(Tape tape, @Nullable KeyValueCache cache, ActiveAdapters adapters) {
    this(
        new Run(tape, cache, adapters, new IdentityHashMap<>(), new IdentityHashMap<>()),
        BatchRows.ALL);
  }

  /** An inference pass without a cache. */
  public static Pass inference(ActiveAdapters adapters) {
    return new Pass(Tape.inference(), null, adapters);
  }

  /** The pass of a site's context. */
  public static Pass of(ForwardContext context) {
    return (Pass) context; // models create no other context
  }

  @Override
  public Pass of(BatchRows rows) {
    requireNumbers("rows of a batch are computed apart");
    return new Pass(run, rows, otherMemory, still, ofKernels, state);
  }

  /**
   * The same pass for layers of another device: what layers share is there, too. Call it outside of
   * segments, once all is known that layers share.
   *
   * @param main the device that the pass has begun on
   */
  public Pass on(Home home, Home main) {
    SharedState there =
        home == main
            ? run.main
            : run.elsewhere.computeIfAbsent(
                home, to -> new SharedState(run.main, main, to, run.tape, run.cache, this::hold));
    return new Pass(run, rows, otherMemory, still, ofKernels, there);
  }

  /** Hidden states on another device. */
  public NDArray cross(NDArray x, Home from, Home to) {
    return run.tape.cross(x, to::bring, from::bring);
  }

  private NDArray here(NDArray x) {
    return state.here(x, this::hold);
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
   * Declares that rows are padded on the left, as in generation. Positions then count from the
   * first real token, so that a row gives the same result as alone.
   */
  public Pass leftPadded() {
    run.leftPadded = true;
    return this;
  }

  /** Whether rows are padded on the left. */
  public boolean isLeftPadded() {
    return run.leftPadded;
  }

  /** A pass of the same run through another stack, without a cache; it is closed with this one. */
  public Pass beside() {
    Pass other = new Pass(new Run(run.tape, null, run.adapters, run.main.values, run.left), rows);
    other.run.beside = true;
    other.run.training = run.training;
    other.run.unread = run.unread;
    other.run.rowValues = run.rowValues;
    other.run.copies = run.copies;
    other.run.frozen = this::frozenStatesOfAllRows;
    run.others.add(other);
    return other;
  }

  /** Whether it runs {@link #beside} another pass, whose stack reads what its own computes. */
  public boolean isBeside() {
    return run.beside;
  }

  /**
   * The same pass for layers whose cross-attention reads something else.
   *
   * @param memory (B, S, d); null where keys and values of it are in the cache
   */
  public Pass reading(@Nullable NDArray memory) {
    return new Pass(run, rows, memory, still, ofKernels, state);
  }

  @Override
  public void leave(TunerLayer<?, ?> layer, NDArray value) {
    run.left.put(layer, value);
  }

  @Override
  public @Nullable NDArray left(TunerLayer<?, ?> layer) {
    return run.left.get(layer);
  }

  /**
   * Computes the layers' shared tensors for this pass or, with a cache, once for all passes with
   * that cache.
   */
  public void compute() {
    List<SharedTensor> shared = run.adapters.shared();
    Tape tape = run.tape;
    KeyValueCache cache = run.cache;
    for (int i = 0; i < shared.size(); i++) {
      SharedTensor value = shared.get(i);
      run.main.values.put(
          value,
          cache == null
              ? tape.share(tape.source(() -> value.compute(this)))
              : cache.shared("shared." + i, () -> value.compute(this)));
    }
  }

  @Override
  public NDArray value(SharedTensor shared) {
    NDArray value = state.values.get(shared);
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

  /**
   * Declares that the head reads no states of padding, so that they may be wrong. Adapters that
   * take {@linkplain TunerLayer#whyOneTextPerRow rows as a whole} read them all the same.
   */
  public Pass paddingUnread() {
    run.unread = true;
    return this;
  }

  /** Says how many copies of a batch the rows are, 1 or more. */
  public Pass copies(int copies) {
    run.copies = copies;
    return this;
  }

  @Override
  public int copies() {
    return run.copies;
  }

  /** Applies the frozen model's dropout to x in training. */
  public NDArray drop(NDArray x, double probability) {
    return isTraining() && probability > 0 ? Dropout.of(probability).call(x) : x;
  }

  @Override
  public boolean isTraining() {
    return run.training && !still;
  }

  @Override
  public Tape tape() {
    return run.tape;
  }

  /** The same pass for a segment of which it is known whether it computes with kernels alone. */
  public Pass ofKernels(boolean are) {
    return are == ofKernels ? this : new Pass(run, rows, otherMemory, still, are, state);
  }

  @Override
  public boolean isOfKernels() {
    return ofKernels;
  }

  /** Keys and values of earlier positions, or null. */
  public @Nullable KeyValueCache cache() {
    return run.cache;
  }

  /**
   * Appends to the cache, if there is one.
   *
   * @param x (B, K, T, d)
   * @return all cached positions of the computed rows, or x without a cache
   */
  public NDArray cached(String name, NDArray x) {
    KeyValueCache cache = run.cache;
    if (cache == null) {
      return x;
    }
    Rows some = rows.origin();
    return some == null
        ? cache.append(name, x)
        : cache.append(name, x, some, input().ids().getShape().get(0));
  }

  /**
   * The buffers of an attention in the cache, for a kernel that writes keys and values itself.
   *
   * @param keys the name that keys are {@linkplain #cached cached} under
   * @param values the name that values are cached under
   * @return null if {@link #cached} has to write them: without a cache, with a full one, or if some
   *     rows are computed apart
   */
  public KeyValueCache.@Nullable Room room(String keys, String values) {
    KeyValueCache cache = run.cache;
    return cache == null || rows.origin() != null ? null : cache.room(keys, values, run.length);
  }

  @Override
  public long past() {
    requireNumbers("an adapter reads the number of earlier positions");
    return before();
  }

  /** The number of keys before those of this pass, see {@link KeyValueCache#before}. */
  public long before() {
    KeyValueCache cache = run.cache;
    return cache == null ? 0 : cache.before();
  }

  /** Whether this is a repeated step, see {@link KeyValueCache#repeat}. */
  public boolean isRepeated() {
    KeyValueCache cache = run.cache;
    return cache != null && cache.isRepeated();
  }

  /**
   * Says that the pass computes with numbers on the host that differ from step to step.
   *
   * @param what computes with them, for the message
   * @throws UnrepeatableException in a repeated step
   */
  public void requireNumbers(String what) {
    if (isRepeated()) {
      throw new UnrepeatableException(what);
    }
  }

  /**
   * Records the model's input.
   *
   * @param frozen computes the frozen model's last hidden states for it
   */
  public void begin(ModelInput input, Supplier<NDArray> frozen) {
    run.rowValues = input.rowValues();
    run.frozen = () -> hold(frozen.get());
    begin(input);
  }

  /** Records the input of the stack that is entered next. */
  public void begin(ModelInput input) {
    run.input = input;
  }

  /** The same pass without dropout for a stack whose states are kept; otherwise itself. */
  public Pass ofStack() {
    return input().kept() == null ? this : new Pass(run, rows, otherMemory, true, ofKernels, state);
  }

  /** The kept states of a stack for this input (B, T, D), or null if they have to be computed. */
  public @Nullable List<NDArray> kept(String stack, NDArray first) {
    KeptStates.Rows kept = input().kept();
    List<NDArray> states = kept == null || !rows.isWhole() ? null : kept.states(stack, first);
    if (states != null) {
      states.forEach(this::hold);
    }
    return states;
  }

  /** Whether the states of a stack are kept, see {@link #keep}. */
  public boolean keepsStates() {
    return input().kept() != null && rows.isWhole();
  }

  /** Keeps the states of a stack for this input, if they are to be kept. */
  public void keep(String stack, List<NDArray> states) {
    KeptStates.Rows kept = input().kept();
    if (kept != null && rows.isWhole()) {
      kept.keep(stack, states, virtual());
    }
  }

  @Override
  public NDArray frozenStates() {
    requireNumbers("an adapter reads the frozen model's states");
    return rows.of(here(frozenStatesOfAllRows()));
  }

  private NDArray frozenStatesOfAllRows() {
    NDArray states = run.frozenStates;
    if (states == null) {
      states = Objects.requireNonNull(run.frozen, "no model has begun the pass").get();
      run.frozenStates = states;
    }
    return states;
  }

  /**
   * Records the sequence that enters the stack.
   *
   * @throws IllegalArgumentException if rows hold several texts, but the pass has a cache
   */
  public void enter(Sequence sequence, boolean causal) {
    PackedTexts texts = input().texts();
    if (texts != null && (run.cache != null || run.leftPadded)) {
      throw new IllegalArgumentException(
          "texts are written one in each row, but rows of this input hold several: take them"
              + " apart");
    }
    state.texts = texts;
    run.start = sequence.positions().start();
    run.virtual = sequence.prompt().count();
    run.keyOffset = sequence.positions().keyOffset();
    run.length = sequence.vectors().getShape().get(1);
    NDArray mask = sequence.mask();
    state.positions = positions(texts, sequence);
    NDArray held = mask == null ? null : hold(mask.duplicate());
    state.mask = held;
    NDArray hiding = isBehind(causal) ? null : held;
    run.blind =
        run.training && causal && hiding != null && !input().rightPadded() && Masks.blinds(hiding);
    state.closeVisibility();
    state.visibility =
        new Visibility(
            hiding, causal, run.length, sequence.positions().past(), run.leftPadded, texts);
    state.bias = null;
  }

  /**
   * Whether a training may leave out the mask: the padding stands behind the tokens, which do not
   * see what comes after them, and nobody reads what padding computes.
   */
  private boolean isBehind(boolean causal) {
    return run.unread
        && causal
        && state.texts == null
        && input().rightPadded()
        && run.adapters.all().stream().allMatch(layer -> layer.whyOneTextPerRow() == null);
  }

  private @Nullable NDArray positions(@Nullable PackedTexts texts, Sequence sequence) {
    long shift = sequence.positions().shift();
    NDArray mask = sequence.mask();
    if (texts != null) {
      return hold(Ops.add(texts.positions(), Tensors.scalar(shift)));
    }
    return run.leftPadded && mask != null
        ? hold(Masks.positions(sequence.vectors(), mask, shift))
        : null;
  }

  private ModelInput input() {
    ModelInput input = run.input;
    if (input == null) {
      throw new IllegalStateException("there are no ids: no model has begun the pass");
    }
    return input;
  }

  @Override
  public NDArray ids() {
    return rows.of(here(input().ids()));
  }

  @Override
  public @Nullable NDArray mask() {
    requireNumbers("an adapter reads the mask");
    NDArray mask = input().mask();
    return mask == null ? null : rows.of(here(mask));
  }

  @Override
  public @Nullable NDArray rowValue(String name) {
    requireNumbers("an adapter reads numbers of the texts");
    NDArray given = run.rowValues.get(name);
    if (given != null) {
      return rows.ofItems(here(given));
    }
    Long ofAll = run.adapters.rowValues().get(name);
    return ofAll == null ? null : Tensors.longs(here(input().ids()).getManager(), ofAll);
  }

  @Override
  public @Nullable NDArray given() {
    NDArray given = input().given();
    return given == null ? mask() : rows.of(here(given));
  }

  @Override
  public boolean hasFullyMaskedQueries() {
    return run.blind;
  }

  /** The position of the first vector. */
  public long start() {
    return run.start;
  }

  /** The number that is added to positions of keys but not of queries. */
  public long keyOffset() {
    return run.keyOffset;
  }

  /**
   * The position after the last vector of the longest text. In a padded row the true position is
   * smaller by the row's padding.
   */
  public long end() {
    return run.start + (state.texts == null ? run.length : state.texts.longest());
  }

  /** The texts of rows that hold several; null if each row is one text. */
  public @Nullable PackedTexts texts() {
    return state.texts;
  }

  /**
   * Checks that each row is one text.
   *
   * @param reader what reads rows as a whole, for the message
   * @throws IllegalArgumentException if rows hold several texts
   */
  public void requireOneTextPerRow(String reader) {
    if (state.texts != null) {
      throw new IllegalArgumentException(
          reader
              + " reads a row as one text, but rows of this input hold several: do not pack them");
    }
  }

  /**
   * Positions (B, T) if they differ between rows; null if they count from {@link #start} in all
   * rows.
   */
  public @Nullable NDArray positions() {
    return state.positions;
  }

  @Override
  public long virtual() {
    return run.virtual;
  }

  /**
   * The bias that is added to scores of self-attention in a layer, or null.
   *
   * @param x the hidden states (B, T, D)
   * @param window the layer's window, see {@link Masks#bias}
   */
  public @Nullable NDArray bias(NDArray x, int window) {
    NDArray bias = state.bias != null ? state.bias : visibility().bias(x, window);
    return bias == null ? null : ofRows(bias);
  }

  /** The computed rows of an array (B or 1, …). */
  private NDArray ofRows(NDArray array) {
    return array.getShape().get(0) == 1 ? array : rows.of(array);
  }

  /** Whether self-attention in a layer is causal and needs no bias. */
  public boolean isPlainlyCausal(int window) {
    return state.bias == null && visibility().isPlainlyCausal(window);
  }

  /** Whether the stack is causal. */
  public boolean isCausal() {
    return visibility().isCausal();
  }

  /**
   * The texts of rows that hold several, if self-attention in a layer may compute each by itself;
   * null if it needs the {@linkplain #bias bias}, or if each row is one text.
   *
   * @param x the hidden states (B, T, D)
   * @param window see {@link #bias}
   */
  public AttentionSite.@Nullable Texts apart(NDArray x, int window) {
    AttentionSite.Texts texts = state.bias == null ? visibility().texts(x, window) : null;
    Rows some = rows.origin();
    return texts == null || some == null ? texts : texts.select(some);
  }

  /** Whether each query of self-attention in a layer sees all keys, those of its own pass too. */
  public boolean seesAll(int window) {
    return state.bias == null && visibility().seesAll(window);
  }

  /** How far back queries look in a layer with this window; null for no limit. */
  public AttentionSite.@Nullable Window window(int window) {
    return visibility().window(window);
  }

  private Visibility visibility() {
    Visibility present = state.visibility;
    if (present == null) {
      throw new IllegalStateException("there are no masks: no sequence has entered a stack");
    }
    return present;
  }

  /**
   * Prepares the rotation of this pass's positions by an embedding.
   *
   * @param first the input of the first layer (B, n + T, D)
   */
  public void rotate(RotaryEmbedding embedding, NDArray first) {
    Rotation rotation = rotationAt(embedding, first);
    hold(rotation.cosine());
    hold(rotation.sine());
    state.rotations.put(embedding, rotation);
  }

  private Rotation rotationAt(RotaryEmbedding embedding, NDArray first) {
    KeyValueCache cache = run.cache;
    NDArray positions = positions();
    if (cache == null || positions == null || !cache.isRepeated()) {
      return embedding.at(first, start(), end(), positions);
    }
    Rotation tables = cache.tables(embedding, () -> embedding.tables(end(), first.getManager()));
    return RotaryEmbedding.of(first, tables, positions);
  }

  /** The rotation of this pass's positions by an embedding. */
  public Rotation rotation(RotaryEmbedding embedding) {
    Rotation rotation = state.rotations.get(embedding);
    if (rotation == null) {
      throw new IllegalStateException("the stack has not prepared this rotation");
    }
    return positions() == null || rows.isWhole()
        ? rotation
        : new Rotation(ofRows(rotation.cosine()), ofRows(rotation.sine()), rotation.isSigned());
  }

  /**
   * The relative positions of the tokens.
   *
   * @param vectors (1, 2k, D), one for each relative position
   * @param places (T, T), the index of the vector for each query and key
   */
  public record Relative(NDArray vectors, NDArray places) {}

  /** Sets the relative positions of all layers of the stack. */
  public void relate(NDArray vectors, NDArray places) {
    state.relative = new Relative(vectors, hold(places));
  }

  /** The relative positions of the tokens. */
  public Relative relative() {
    Relative relative = state.relative;
    if (relative == null) {
      throw new IllegalStateException("the stack has not prepared relative positions");
    }
    return relative;
  }

  /** Like {@link #bias}, but all zeros where no bias is needed. */
  public NDArray explicitBias(NDArray x, int window) {
    return ofRows(state.bias != null ? state.bias : visibility().explicit(x, window));
  }

  /**
   * Sets the bias of all layers of the stack, which includes all masks: (B or 1, H or 1, T, P + S).
   */
  public void bias(NDArray bias) {
    state.bias = bias;
  }

  /** Sets the input of cross-attention: an encoder's output (B, S, D) and its mask (B, S). */
  public void remember(NDArray memory, @Nullable NDArray mask) {
    state.memory = memory;
    state.memoryBias =
        mask == null ? null : hold(Masks.bias(memory, mask, false, Integer.MAX_VALUE, false));
  }

  /** Whether a tensor that layers read in addition to their input needs a gradient. */
  public boolean trains() {
    return (state.memory != null && state.memory.hasGradient())
        || (state.bias != null && state.bias.hasGradient())
        || (state.relative != null && state.relative.vectors().hasGradient());
  }

  /**
   * The mask of the whole sequence (B, past + n + T), 1 for tokens, virtual ones included, and 0
   * for padding; null without padding.
   */
  public @Nullable NDArray wholeMask() {
    return state.mask;
  }

  public NDArray memory() {
    NDArray memory = otherMemory == null ? state.memory : otherMemory;
    if (memory == null) {
      throw new IllegalStateException("cross-attention without an encoder's output");
    }
    return memory;
  }

  public @Nullable NDArray memoryBias() {
    return state.memoryBias;
  }

  /** Holds an array until the pass is closed. */
  NDArray hold(NDArray array) {
    run.held.add(Scope.release(array));
    return array;
  }

  @Override
  public void close() {
    run.held.forEach(NDArray::close);
    run.held.clear();
    run.main.closeVisibility();
    run.elsewhere.values().forEach(SharedState::closeVisibility);
    run.elsewhere.clear();
    run.others.forEach(Pass::close);
    run.others.clear();
  }
}
