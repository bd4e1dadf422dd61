package io.github.peft4j;

import ai.djl.ndarray.NDArray;
import ai.djl.ndarray.NDList;
import ai.djl.ndarray.NDManager;
import ai.djl.ndarray.types.DataType;
import ai.djl.ndarray.types.Shape;
import ai.djl.nn.AbstractBlock;
import ai.djl.training.ParameterStore;
import ai.djl.util.PairList;
import io.github.peft4j.data.Tokenizer;
import io.github.peft4j.io.FileGroup;
import io.github.peft4j.transformer.ModelInput;
import io.github.peft4j.transformer.TransformerModel;
import io.github.peft4j.tuner.Composition;
import io.github.peft4j.tuner.Trainable;
import java.nio.file.Path;
import java.util.Collections;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import java.util.function.Supplier;
import org.jspecify.annotations.Nullable;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * A frozen model with adapters on it.
 *
 * <p>Adapters are added by {@link #adapt} (fresh) or {@link #loadAdapter} (from a folder), each
 * under a name; the one added last is active. The model is a DJL block: it takes token ids (B, T),
 * optionally a mask and segment ids, and gives logits, so that DJL's {@code Model}, {@code
 * Predictor} and {@code Translator} take it.
 *
 * <p>Methods that change adapters are not for several threads at once; inference is.
 */
public final class PeftModel extends AbstractBlock implements TextModel, AutoCloseable {

  /** The name of an adapter that is given none, as in Hugging Face PEFT. */
  public static final String DEFAULT = "default";

  private static final Logger LOG = LoggerFactory.getLogger(PeftModel.class);

  private final TransformerModel base;
  private final @Nullable Tokenizer tokenizer;
  private final String origin;
  private final Supplier<String> hash;
  private @Nullable String baseSha256;
  private boolean original = true;
  private final AdapterFactory factory;
  private final Merger merger;
  private final Map<String, Adapter> adapters = new LinkedHashMap<>();
  private Composition active = Composition.NONE;
  private boolean enabled = true;
  private boolean merged;

  /**
   * Wraps a model.
   *
   * @param tokenizer of the model, or null if texts are not needed; closed with the model
   * @param origin where the model came from: {@code base_model_name_or_path} in adapter files
   * @param seed of new adapters' random tensors
   * @param hash computes the fingerprint of the model's weights, see {@link
   *     io.github.peft4j.io.TensorHash}; called once, when an adapter's files first need it
   */
  public PeftModel(
      TransformerModel base,
      @Nullable Tokenizer tokenizer,
      String origin,
      long seed,
      Supplier<String> hash) {
    this.base = addChildBlock("base", base);
    this.tokenizer = tokenizer;
    this.origin = origin;
    this.hash = hash;
    this.factory = new AdapterFactory(base, tokenizer, origin, seed);
    this.merger = new Merger(base);
  }

  /** Adds a fresh adapter called {@value #DEFAULT} and makes it the active one. */
  public PeftModel adapt(PeftConfig config) {
    return adapt(DEFAULT, config);
  }

  /**
   * Adds a fresh adapter and makes it the active one.
   *
   * @param name of the adapter; not yet taken
   * @param config of any method on the class path
   * @return this model
   * @throws IllegalArgumentException if the config does not fit the model, saying what does not
   */
  public PeftModel adapt(String name, PeftConfig config) {
    requireFree(name);
    return add(factory.fresh(name, config));
  }

  /** Loads an adapter from a folder as {@value #DEFAULT} and makes it the active one. */
  public PeftModel loadAdapter(String folder) {
    return loadAdapter(DEFAULT, Path.of(folder));
  }

  /**
   * Loads an adapter that peft4j, Hugging Face PEFT or AdapterHub's library saved and makes it the
   * active one. If its {@link Provenance} names another base model than this one by hash, a warning
   * is logged.
   *
   * @param name of the adapter; not yet taken
   * @param folder with adapter_config.json and adapter_model.safetensors, or AdapterHub's
   *     adapter.safetensors or pytorch_adapter.bin
   * @return this model
   * @throws IllegalArgumentException if the adapter does not fit, listing what does not
   */
  public PeftModel loadAdapter(String name, Path folder) {
    requireFree(name);
    Optional<Provenance> provenance = Provenance.read(folder);
    Adapter adapter = factory.read(name, folder);
    provenance.ifPresent(known -> trust(folder, adapter, known));
    return add(adapter);
  }

  private void trust(Path folder, Adapter adapter, Provenance provenance) {
    adapter.trainings(provenance.trainings());
    if (provenance.baseSha256() != null) {
      provenance.doubt(origin, baseSha256()).ifPresent(doubt -> LOG.warn("{}: {}", folder, doubt));
    }
  }

  private void requireFree(String name) {
    requireUnmerged();
    if (adapters.containsKey(name) || name.equals(Composition.BASE)) {
      throw new IllegalArgumentException(
          name.equals(Composition.BASE)
              ? "'" + name + "' means the frozen model alone; take another name"
              : "there is an adapter '"
                  + name
                  + "' already: "
                  + adapters.get(name)
                  + "; take another name or remove it first");
    }
  }

  private PeftModel add(Adapter adapter) {
    adapters.put(adapter.name(), adapter);
    try {
      activate(adapter.composition());
    } catch (RuntimeException e) {
      adapters.remove(adapter.name());
      adapter.detach();
      throw e;
    }
    for (String below : active.adapters()) {
      if (!below.equals(adapter.name())) {
        freeze(below);
      }
    }
    return this;
  }

  /**
   * Makes one new adapter of several and makes it the active one; those stay as they are.
   *
   * @param name of the new adapter; not yet taken
   * @throws IllegalArgumentException if an adapter is no change of weights, saying which
   */
  public PeftModel combine(String name, Combination combination) {
    requireFree(name);
    List<Adapter> sources = combination.adapters().stream().map(this::adapter).toList();
    return add(new Combiner(base, sources, combination).combine(name, factory));
  }

  /**
   * Calls an adapter otherwise. Its tensors, whether it is active, frozen or being trained, and the
   * compositions that are active stay as they are; its files hold no name but that of their folder.
   *
   * @param other not yet taken
   * @throws IllegalArgumentException if another adapter is made of it by name, as a fusion is,
   *     whose files would name one that is not there
   */
  public PeftModel rename(String name, String other) {
    Adapter adapter = adapter(name);
    if (name.equals(other)) {
      return this;
    }
    requireFree(other);
    for (Adapter made : adapters.values()) {
      if (made != adapter && made.composition().adapters().contains(name)) {
        throw new IllegalArgumentException(
            "'"
                + made.name()
                + "' ("
                + made.type()
                + ") is made of '"
                + name
                + "' by this name; remove it first, or rename before it is made");
      }
    }
    Map<String, Adapter> present = new LinkedHashMap<>(adapters);
    adapters.clear();
    adapter.rename(other);
    present.values().forEach(each -> adapters.put(each.name(), each));
    base.rename(name, other);
    active = active.renamed(each -> each.equals(name) ? other : each);
    return this;
  }

  /** Takes an adapter away and frees its tensors. */
  public PeftModel remove(String name) {
    requireUnmerged();
    Adapter adapter = adapter(name);
    adapters.remove(name);
    if (active.adapters().contains(name)) {
      activate(Composition.NONE);
    }
    adapter.detach();
    return this;
  }

  /** The adapters by name, in the order they were added. */
  public Map<String, Adapter> adapters() {
    return Collections.unmodifiableMap(new LinkedHashMap<>(adapters));
  }

  /**
   * The adapter of this name.
   *
   * @throws IllegalArgumentException naming those there are
   */
  public Adapter adapter(String name) {
    Adapter adapter = adapters.get(name);
    if (adapter == null) {
      throw new IllegalArgumentException(
          "there is no adapter '" + name + "'; there are " + adapters.keySet());
    }
    return adapter;
  }

  /** Makes these adapters the active ones, stacked in this order. */
  public PeftModel activate(String... names) {
    return activate(Composition.stack(List.of(names)));
  }

  /**
   * Makes a composition of adapters the active one.
   *
   * @throws IllegalArgumentException if there is no such adapter, or if their layers cannot be
   *     composed so, saying which
   */
  public PeftModel activate(Composition composition) {
    requireUnmerged();
    composition.adapters().forEach(this::adapter);
    base.activate(composition);
    active = composition;
    enabled = true;
    return this;
  }

  /**
   * Runs code with a composition, then makes the present one active again:
   *
   * <pre>{@code
   * List<Classifications> verdicts =
   *     model.with(Composition.perRow("news", "reviews"), () -> model.classify(first, second));
   * }</pre>
   */
  public <T> T with(Composition composition, Supplier<T> code) {
    Composition before = active;
    boolean on = enabled;
    activate(composition);
    try {
      return code.get();
    } finally {
      activate(before);
      if (!on) {
        disable();
      }
    }
  }

  /**
   * The logits of one batch with each adapter, computed in one pass.
   *
   * @param input the batch
   * @param names of adapters
   * @return logits (B, …) by adapter; the caller closes them
   */
  public Map<String, NDArray> logitsOfEach(ModelInput input, String... names) {
    NDArray all = with(Composition.parallel(names), () -> base.logits(input));
    try (all) {
      Map<String, NDArray> logits = new LinkedHashMap<>();
      NDList parts = all.split(names.length);
      for (int i = 0; i < names.length; i++) {
        logits.put(names[i], parts.get(i));
      }
      return logits;
    }
  }

  /**
   * Keeps training from changing an adapter, while others are trained on top of it or beside it. A
   * frozen adapter drops nothing out.
   */
  public PeftModel freeze(String name) {
    adapter(name).freeze(true);
    return this;
  }

  /** Lets an adapter be trained again. */
  public PeftModel unfreeze(String name) {
    adapter(name).freeze(false);
    return this;
  }

  /** Which adapters are active. */
  public Composition active() {
    return enabled ? active : Composition.NONE;
  }

  /** Switches all adapters off: the model computes what the frozen model computes. */
  public PeftModel disable() {
    requireUnmerged();
    enabled = false;
    base.activate(Composition.NONE);
    return this;
  }

  /** Switches the active adapters on again. */
  public PeftModel enable() {
    return activate(active);
  }

  /**
   * Writes the active adapters into the frozen weights, until {@link #unmerge}. The former weights
   * are kept, so that unmerging is exact.
   *
   * @throws IllegalStateException if a layer of an active adapter cannot be merged
   */
  public PeftModel merge() {
    requireUnmerged();
    merger.merge(active);
    base.activate(Composition.NONE);
    merged = true;
    return this;
  }

  /** Takes merged adapters out of the weights again, exactly. */
  public PeftModel unmerge() {
    merger.unmerge();
    merged = false;
    base.activate(active());
    return this;
  }

  /** The adapters with what they do at present, as a table. */
  public ModelStatus status() {
    return ModelStatus.of(this);
  }

  /** Whether adapters are merged at present. */
  public boolean isMerged() {
    return merged;
  }

  /**
   * Merges the active adapters for good and takes all adapters away.
   *
   * @return the plain model, which is this model's base and closes with it
   */
  public TransformerModel mergeAndUnload() {
    if (!merged) {
      merge();
    }
    merger.settle();
    merged = false;
    original = false;
    active = Composition.NONE;
    List.copyOf(adapters.keySet()).forEach(this::remove);
    return base;
  }

  /** Saves the active adapter, or the only one. */
  public PeftModel save(String folder) {
    Set<String> names = active.adapters().isEmpty() ? adapters.keySet() : active.adapters();
    if (names.size() != 1) {
      throw new IllegalStateException(
          "which adapter is to be saved? There are "
              + adapters.keySet()
              + ", active are "
              + active.adapters()
              + "; call save(name, folder)");
    }
    return save(names.iterator().next(), Path.of(folder));
  }

  /**
   * Saves an adapter as Hugging Face PEFT does: adapter_config.json, adapter_model.safetensors; and
   * beside them where it comes from, see {@link Provenance}. All files are written or none: if the
   * disk is full, what was in the folder is unchanged.
   *
   * @param folder which is made if it is not there
   * @throws java.io.UncheckedIOException if a file cannot be written
   */
  public PeftModel save(String name, Path folder) {
    try (FileGroup files = new FileGroup(folder)) {
      AdapterFiles.write(files, adapter(name), provenance(name));
    }
    return this;
  }

  /**
   * Saves an adapter as AdapterHub's library {@code adapters} does: adapter_config.json,
   * adapter.safetensors, and its head in files of its own.
   *
   * @param folder which is made if it is not there
   * @throws UnsupportedMethodException if that library's files of the method are not supported
   * @throws java.io.UncheckedIOException if a file cannot be written
   */
  public PeftModel saveAdapterHub(String name, Path folder) {
    try (FileGroup files = new FileGroup(folder)) {
      AdapterHubFiles.write(files, adapter(name), base, provenance(name));
    }
    return this;
  }

  /** Where an adapter comes from, as it would be saved now. */
  public Provenance provenance(String name) {
    return Provenance.now(origin, baseSha256(), adapter(name).trainings());
  }

  /**
   * The fingerprint of the frozen model's weights, see {@link io.github.peft4j.io.TensorHash}. They
   * are read once for it, at the first call.
   *
   * @return null if adapters were merged for good, so that the weights are no longer those of a
   *     file
   */
  public @Nullable String baseSha256() {
    if (original && baseSha256 == null) {
      baseSha256 = hash.get();
    }
    return original ? baseSha256 : null;
  }

  /**
   * Saves the model with the active adapters merged into its weights as a plain Hugging Face
   * folder: config.json, model.safetensors and the tokenizer's files. The model itself stays as it
   * is.
   *
   * @throws IllegalStateException if a layer of an active adapter cannot be merged
   */
  public PeftModel saveMerged(String folder) {
    boolean before = merged;
    if (!before) {
      merge();
    }
    try {
      ModelFiles.write(base, Path.of(origin), Path.of(folder));
    } finally {
      if (!before) {
        unmerge();
      }
    }
    return this;
  }

  /** What is trained, by module, as people know it from print_trainable_parameters. */
  public TrainableParameters trainableParameters() {
    return TrainableParameters.of(this);
  }

  /** The trained tensors of the active adapters that are not frozen. */
  public List<Trainable> trainables() {
    return active.adapters().stream()
        .map(this::adapter)
        .filter(adapter -> !adapter.isFrozen())
        .flatMap(adapter -> adapter.trainables().stream())
        .distinct()
        .toList();
  }

  /** The frozen model, with whatever is active on it. */
  @Override
  public TransformerModel base() {
    return base;
  }

  /**
   * The tokenizer.
   *
   * @throws IllegalStateException if the model was loaded without one
   */
  @Override
  public Tokenizer tokenizer() {
    if (tokenizer == null) {
      throw new IllegalStateException(
          origin + " has no tokenizer.json; add it to the folder to work with texts");
    }
    return tokenizer;
  }

  /** Where the frozen model came from. */
  public String origin() {
    return origin;
  }

  private void requireUnmerged() {
    if (merged) {
      throw new IllegalStateException("adapters are merged into the weights: unmerge() first");
    }
  }

  @Override
  protected NDList forwardInternal(
      ParameterStore store, NDList inputs, boolean training, PairList<String, Object> params) {
    return base.forward(store, inputs, training, params);
  }

  @Override
  public Shape[] getOutputShapes(Shape[] inputShapes) {
    return base.getOutputShapes(inputShapes);
  }

  @Override
  public void initialize(NDManager manager, DataType dataType, Shape... inputShapes) {}

  @Override
  public boolean isInitialized() {
    return true;
  }

  @Override
  public void close() {
    adapters.values().forEach(adapter -> Adapter.detach(adapter.name(), adapter.rewrites()));
    adapters.clear();
    base.close();
    if (tokenizer != null) {
      tokenizer.close();
    }
  }

  @Override
  public String toString() {
    StringBuilder text = new StringBuilder(base.toString());
    adapters
        .values()
        .forEach(
            a ->
                text.append("\n  ")
                    .append(a)
                    .append(active().adapters().contains(a.name()) ? " (active)" : ""));
    return text.toString();
  }
}
