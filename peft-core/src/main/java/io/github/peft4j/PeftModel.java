package io.github.peft4j;

import ai.djl.modality.Classifications;
import ai.djl.ndarray.NDArray;
import ai.djl.ndarray.NDList;
import ai.djl.ndarray.NDManager;
import ai.djl.ndarray.types.DataType;
import ai.djl.ndarray.types.Shape;
import ai.djl.nn.AbstractBlock;
import ai.djl.training.ParameterStore;
import ai.djl.util.PairList;
import com.google.gson.JsonElement;
import com.google.gson.JsonObject;
import io.github.peft4j.data.Tokenizer;
import io.github.peft4j.generate.Generation;
import io.github.peft4j.generate.GenerationConfig;
import io.github.peft4j.generate.Generator;
import io.github.peft4j.io.FileGroup;
import io.github.peft4j.kernel.Autograd;
import io.github.peft4j.kernel.Precision;
import io.github.peft4j.kernel.Scope;
import io.github.peft4j.kernel.Tensors;
import io.github.peft4j.transformer.Task;
import io.github.peft4j.transformer.TransformerModel;
import io.github.peft4j.translate.TextClassifier;
import io.github.peft4j.tuner.Composition;
import io.github.peft4j.tuner.Initial;
import io.github.peft4j.tuner.LinearSite;
import io.github.peft4j.tuner.Mergeable;
import io.github.peft4j.tuner.ParameterSite;
import io.github.peft4j.tuner.Sites;
import io.github.peft4j.tuner.Trainable;
import io.github.peft4j.tuner.TunerLayer;
import java.nio.file.Path;
import java.util.LinkedHashMap;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.function.Consumer;
import java.util.function.Supplier;
import java.util.function.UnaryOperator;
import java.util.stream.Stream;
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
public final class PeftModel extends AbstractBlock implements AutoCloseable {

  /** The name of an adapter that is given none, as in Hugging Face PEFT. */
  public static final String DEFAULT = "default";

  private static final Logger LOG = LoggerFactory.getLogger(PeftModel.class);

  private static final List<String> CLASSIFIERS = List.of("classifier", "score");

  private final TransformerModel base;
  private final @Nullable Tokenizer tokenizer;
  private final String origin;
  private final long seed;
  private final Supplier<String> hash;
  private @Nullable String baseSha256;
  private boolean original = true;
  private final Map<String, Adapter> adapters = new LinkedHashMap<>();
  private final Set<ParameterSite> mergedInto = new LinkedHashSet<>();
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
    this.seed = seed;
    this.hash = hash;
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
    PeftMethod<PeftConfig> method = PeftMethods.of(config);
    add(
        name,
        config,
        method,
        Adapter.common(method, base.task(), origin),
        withClassifiers(config.modulesToSave()),
        true);
    return this;
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
    JsonObject json = AdapterFiles.readConfig(folder);
    if (AdapterHubFiles.isOne(json)) {
      return loadAdapterHub(name, folder, json);
    }
    String source = folder.resolve(AdapterFiles.CONFIG).toString();
    if (!json.has("peft_type")) {
      throw new IllegalArgumentException(source + ": field 'peft_type' is missing");
    }
    @SuppressWarnings("unchecked")
    PeftMethod<PeftConfig> method =
        (PeftMethod<PeftConfig>) PeftMethods.ofType(json.get("peft_type").getAsString());
    PeftConfig config = ConfigJson.read(method.configType(), json, source);
    Map<String, JsonElement> common = Adapter.common(method, base.task(), origin);
    common.keySet().stream().filter(json::has).toList().forEach(k -> common.put(k, json.get(k)));
    List<String> modules =
        ConfigJson.savesModules(json, config) ? withClassifiers(config.modulesToSave()) : null;
    Adapter adapter = add(name, config, method, common, modules, false);
    try {
      AdapterFiles.readTensors(folder, adapter, base.manager());
      Provenance.read(folder).ifPresent(provenance -> trust(folder, adapter, provenance));
    } catch (RuntimeException e) {
      remove(name);
      throw e;
    }
    return this;
  }

  private PeftModel loadAdapterHub(String name, Path folder, JsonObject json) {
    @SuppressWarnings("unchecked")
    PeftMethod<PeftConfig> method = (PeftMethod<PeftConfig>) AdapterHubFiles.method(json);
    String source = folder.resolve(AdapterFiles.CONFIG).toString();
    PeftConfig config = ConfigJson.read(method.configType(), AdapterHubFiles.config(json), source);
    Map<String, JsonElement> common = Adapter.common(method, base.task(), origin);
    Adapter adapter = add(name, config, method, common, withClassifiers(null), false);
    try {
      AdapterHubFiles.readTensors(folder, json, adapter, base);
      Provenance.read(folder).ifPresent(provenance -> trust(folder, adapter, provenance));
    } catch (RuntimeException e) {
      remove(name);
      throw e;
    }
    return this;
  }

  private void trust(Path folder, Adapter adapter, Provenance provenance) {
    adapter.trainings(provenance.trainings());
    if (provenance.baseSha256() != null) {
      provenance.doubt(origin, baseSha256()).ifPresent(doubt -> LOG.warn("{}: {}", folder, doubt));
    }
  }

  /** A classifier is always trained: a new one knows nothing, and PEFT's files hold it. */
  private @Nullable List<String> withClassifiers(@Nullable List<String> modules) {
    Task.Type type = base.task().type();
    if (type != Task.Type.SEQ_CLS && type != Task.Type.TOKEN_CLS) {
      return modules;
    }
    Set<String> all = new LinkedHashSet<>(modules == null ? List.of() : modules);
    all.addAll(CLASSIFIERS);
    return List.copyOf(all);
  }

  private Adapter add(
      String name,
      PeftConfig config,
      PeftMethod<PeftConfig> method,
      Map<String, JsonElement> common,
      @Nullable List<String> modulesToSave,
      boolean fresh) {
    requireUnmerged();
    if (adapters.containsKey(name)) {
      throw new IllegalArgumentException(
          "there is an adapter '"
              + name
              + "' already: "
              + adapters.get(name)
              + "; take another name or remove it first");
    }
    Sites sites =
        new Sites(
            base.sites(),
            name,
            new Initial(base.manager(), masters(), seed * 31 + name.hashCode()),
            fresh,
            tokenizer == null ? null : new Sites.Words(origin, tokenizer::encode));
    try {
      saveModules(sites, modulesToSave);
      PeftConfig complete = method.complete(config, sites);
      method.inject(complete, sites);
      Adapter adapter = new Adapter(name, complete, method, sites, common, modulesToSave);
      adapters.put(name, adapter);
      activate(name);
      return adapter;
    } catch (RuntimeException e) {
      undo(name, sites.rewrites());
      throw e;
    }
  }

  private void saveModules(Sites sites, @Nullable List<String> modules) {
    if (modules == null) {
      return;
    }
    for (String module : modules) {
      List<ParameterSite> parameters =
          sites.parameters(name -> ("." + name).contains("." + module + ".")).list();
      if (parameters.isEmpty() && !CLASSIFIERS.contains(module)) {
        sites.parameters(name -> false).required();
      }
      for (ParameterSite site : parameters) {
        sites.train(site, null);
      }
    }
  }

  private static void undo(String name, List<Sites.Rewrite> rewrites) {
    for (Sites.Rewrite rewrite : rewrites) {
      TunerLayer<?, ?> layer = rewrite.site().restore(name);
      if (layer != null) {
        layer.close();
      }
    }
  }

  /** Takes an adapter away and frees its tensors. */
  public PeftModel remove(String name) {
    requireUnmerged();
    Adapter adapter = adapter(name);
    adapters.remove(name);
    if (active.adapters().contains(name)) {
      activate(Composition.NONE);
    }
    undo(name, adapter.rewrites());
    adapter.tensors().values().forEach(Trainable::close);
    return this;
  }

  /** The adapters by name, in the order they were added. */
  public Map<String, Adapter> adapters() {
    return Map.copyOf(adapters);
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
    Stream.of(names).forEach(this::adapter);
    return activate(Composition.stack(List.of(names)));
  }

  /** Makes a composition of adapters the active one. */
  public PeftModel activate(Composition composition) {
    requireUnmerged();
    active = composition;
    enabled = true;
    base.activate(composition);
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
    List<Sites.Rewrite> rewrites =
        active.adapters().stream().flatMap(a -> adapter(a).rewrites().stream()).toList();
    for (Sites.Rewrite rewrite : rewrites) {
      if (!(rewrite.layer() instanceof Mergeable)) {
        throw new IllegalStateException(
            "the adapter cannot be merged: "
                + rewrite.layer().getClass().getSimpleName()
                + " at "
                + rewrite.site().name()
                + " is no change of weights; keep the adapter beside the model");
      }
    }
    rewrites.forEach(rewrite -> Autograd.without(() -> merge(rewrite)));
    base.activate(Composition.NONE);
    merged = true;
    return this;
  }

  private ParameterSite merge(Sites.Rewrite rewrite) {
    ParameterSite weight = rewrite.site().weightSite();
    if (weight == null) {
      throw new IllegalStateException(rewrite.site() + " has no weight to merge into");
    }
    Mergeable layer = (Mergeable) rewrite.layer();
    merge(weight, layer::merge);
    if (rewrite.site() instanceof LinearSite linear && linear.bias().isPresent()) {
      merge(linear.bias().get(), layer::mergeBias);
    }
    return weight;
  }

  private void merge(ParameterSite parameter, UnaryOperator<@Nullable NDArray> change) {
    try (Scope scope = new Scope()) {
      NDArray wide = Tensors.cast(parameter.frozen(), masters());
      NDArray changed = change.apply(wide);
      if (changed != null) {
        parameter.merge(scope.keep(Tensors.cast(changed, base.precision())));
        mergedInto.add(parameter);
      }
    }
  }

  /** What adapters are kept in: 32 bits, or 64 for tests of gradients. */
  private Precision masters() {
    return base.precision() == Precision.FLOAT64 ? Precision.FLOAT64 : Precision.FLOAT32;
  }

  /** Takes merged adapters out of the weights again, exactly. */
  public PeftModel unmerge() {
    mergedInto.forEach(ParameterSite::unmerge);
    mergedInto.clear();
    merged = false;
    base.activate(active());
    return this;
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
    mergedInto.forEach(ParameterSite::forgetUnmerged);
    mergedInto.clear();
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

  /** The trained tensors of the active adapters. */
  public List<Trainable> trainables() {
    return active.adapters().stream()
        .flatMap(name -> adapter(name).trainables().stream())
        .distinct()
        .toList();
  }

  /**
   * Continues a prompt with the likeliest tokens, up to 256.
   *
   * @return the new text
   */
  public String generate(String prompt) {
    return generate(prompt, GenerationConfig.greedy()).text();
  }

  /** Continues a prompt. */
  public Generation generate(String prompt, GenerationConfig config) {
    return generator().generate(prompt, config);
  }

  /**
   * Continues a prompt and hands out the text as it comes.
   *
   * @param listener is given pieces of whole characters, on the calling thread
   */
  public Generation generate(String prompt, GenerationConfig config, Consumer<String> listener) {
    return generator().generate(prompt, config, listener);
  }

  /** Continues several prompts in one batch. */
  public List<Generation> generate(List<String> prompts, GenerationConfig config) {
    return generator().generate(prompts, config);
  }

  /**
   * What writes texts with this model and whatever adapters are active at the time.
   *
   * @throws IllegalArgumentException if the model is no causal language model
   */
  public Generator generator() {
    return new Generator(base, tokenizer());
  }

  /** Classifies a text. */
  public Classifications classify(String text) {
    return classify(List.of(text)).get(0);
  }

  /** Classifies texts, several at a time. */
  public List<Classifications> classify(String... texts) {
    return classify(List.of(texts));
  }

  /** Classifies texts, several at a time. */
  public List<Classifications> classify(List<String> texts) {
    return classifier().classify(texts);
  }

  /**
   * What classifies texts with this model and whatever adapters are active at the time.
   *
   * @throws IllegalArgumentException if the model does not classify texts
   */
  public TextClassifier classifier() {
    return new TextClassifier(base, tokenizer());
  }

  /** The frozen model, with whatever is active on it. */
  public TransformerModel base() {
    return base;
  }

  /**
   * The tokenizer.
   *
   * @throws IllegalStateException if the model was loaded without one
   */
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
    adapters.values().forEach(adapter -> undo(adapter.name(), adapter.rewrites()));
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
