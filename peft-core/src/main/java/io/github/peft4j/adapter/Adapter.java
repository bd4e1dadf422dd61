package io.github.peft4j.adapter;

import ai.djl.ndarray.NDArray;
import com.google.gson.JsonElement;
import com.google.gson.JsonNull;
import com.google.gson.JsonPrimitive;
import io.github.peft4j.adapter.layout.BareNames;
import io.github.peft4j.adapter.layout.PeftLayout;
import io.github.peft4j.composition.Composition;
import io.github.peft4j.config.ConfigJson;
import io.github.peft4j.config.ConfigValues;
import io.github.peft4j.config.PeftConfig;
import io.github.peft4j.io.DType;
import io.github.peft4j.method.PeftMethod;
import io.github.peft4j.transformer.config.Task;
import io.github.peft4j.tuner.Calls;
import io.github.peft4j.tuner.StepListener;
import io.github.peft4j.tuner.Trainable;
import io.github.peft4j.tuner.TunerLayer;
import io.github.peft4j.tuner.injection.Sites;
import io.github.peft4j.tuner.site.AdapterLayers;
import io.github.peft4j.tuner.site.ParameterSite;
import io.github.peft4j.tuner.site.Site;
import java.util.ArrayList;
import java.util.IdentityHashMap;
import java.util.LinkedHashMap;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.concurrent.atomic.AtomicBoolean;
import java.util.function.Function;
import java.util.function.Supplier;
import org.jspecify.annotations.Nullable;

/** An adapter on a model: its config, its layers and their tensors. */
public final class Adapter {

  /** The release of Hugging Face PEFT whose file format is written. */
  static final String PEFT_VERSION = "0.21.0";

  private volatile String name;
  private final PeftConfig config;
  private final PeftMethod<?> method;
  private final Supplier<PeftConfig> trained;
  private final DType integers;
  private final List<Sites.Rewrite> rewrites;
  private final Map<String, Trainable> tensors;
  private final IdentityHashMap<Trainable, TunerLayer<?, ?>> owners = new IdentityHashMap<>();
  private final List<StepListener> listeners;
  private final Map<String, ParameterSite> frozen;
  private final Map<String, JsonElement> file;
  private final @Nullable List<String> modulesToSave;
  private volatile List<Provenance.Training> trainings = List.of();
  private final Function<String, Composition> composition;
  private final AdapterLayers layers;
  private final Calls.Resource resource;
  private final AtomicBoolean training = new AtomicBoolean();
  private volatile boolean isFrozen;
  private BareNames names = BareNames.NONE;

  <C extends PeftConfig> Adapter(
      String name,
      C config,
      PeftMethod<C> method,
      PeftLayout<C> layout,
      Sites sites,
      Calls calls,
      Map<String, Trainable> tensors,
      Map<String, ParameterSite> frozen,
      Map<String, JsonElement> file,
      @Nullable List<String> modulesToSave) {
    this.name = name;
    this.layers = sites.layers();
    this.resource = calls.resource("adapter '" + name + "'", this::free);
    this.config = config;
    this.trained = () -> layout.trained(config, rewrites());
    this.integers = layout.integers(config);
    this.method = method;
    this.composition = called -> method.composition(called, config);
    this.listeners = List.copyOf(sites.listeners());
    this.rewrites = List.copyOf(sites.rewrites());
    this.frozen = Map.copyOf(frozen);
    this.file = file;
    this.modulesToSave = modulesToSave;
    this.tensors = tensors;
    for (Sites.Rewrite rewrite : rewrites) {
      rewrite.layer().trainables().forEach(tensor -> owners.put(tensor, rewrite.layer()));
    }
  }

  /** The fields of adapter_config.json that do not depend on the method's config. */
  static Map<String, JsonElement> common(PeftMethod<?> method, Task task, String baseModel) {
    Map<String, JsonElement> fields = new LinkedHashMap<>();
    fields.put("auto_mapping", JsonNull.INSTANCE);
    fields.put("base_model_name_or_path", new JsonPrimitive(baseModel));
    fields.put("inference_mode", new JsonPrimitive(true));
    fields.put("peft_type", new JsonPrimitive(method.type()));
    fields.put("peft_version", new JsonPrimitive(PEFT_VERSION));
    fields.put("revision", JsonNull.INSTANCE);
    fields.put(
        "task_type",
        task.type().peftName().<JsonElement>map(JsonPrimitive::new).orElse(JsonNull.INSTANCE));
    return fields;
  }

  void rename(String other) {
    name = other;
  }

  /** The adapter's current name. */
  public String name() {
    return name;
  }

  /** The config that the adapter was created with or loaded with. */
  public PeftConfig config() {
    return config;
  }

  /** The listeners of training steps. */
  public List<StepListener> listeners() {
    return listeners;
  }

  /** The adapter's layers by site. */
  AdapterLayers layers() {
    return layers;
  }

  /** The adapter's layer at a site, or null. */
  public <I, O> @Nullable TunerLayer<I, O> layer(Site<I, O> site) {
    return layers.at(site);
  }

  /** The resource that calls with this adapter use; its tensors are freed with it. */
  public Calls.Resource resource() {
    return resource;
  }

  void beginTraining() {
    if (!training.compareAndSet(false, true)) {
      throw new IllegalStateException(
          "adapter '" + name + "' is being trained already; wait for the end of that run");
    }
  }

  public void endTraining() {
    training.set(false);
  }

  boolean isTraining() {
    return training.get();
  }

  /** Refuses an operation that would break a running training. */
  void requireNotTraining(String what) {
    if (training.get()) {
      throw new IllegalStateException(
          "adapter '"
              + name
              + "' is being trained and cannot be "
              + what
              + "; wait for the end of that run");
    }
  }

  /** The known trainings of the adapter, in order. */
  public List<Provenance.Training> trainings() {
    return trainings;
  }

  /** Sets the trainings of the adapter, which are saved with it. */
  public void trainings(List<Provenance.Training> trainings) {
    this.trainings = List.copyOf(trainings);
  }

  /**
   * Sets how names of tensors in the adapter's file differ; they are saved under the same names
   * again.
   */
  public void names(BareNames inFile) {
    names = inFile;
  }

  /** How names of tensors in the adapter's file differ. */
  public BareNames names() {
    return names;
  }

  /** A tensor in the form that the file holds. */
  public NDArray stored(Trainable tensor) {
    TunerLayer<?, ?> owner = owners.get(tensor);
    return owner == null ? tensor.value() : owner.stored(tensor);
  }

  /** The type of tensors of whole numbers in the file. */
  public DType integers() {
    return integers;
  }

  /** PEFT's name of the method: {@code peft_type}. */
  public String type() {
    return method.type();
  }

  /**
   * The composition in which this adapter is active: itself, with the adapters that it builds on.
   */
  public Composition composition() {
    return composition(name);
  }

  /**
   * The composition in which this adapter is active, under a name that it has in one state.
   *
   * @param name its name in a state of the model, which may differ from the current one
   */
  Composition composition(String name) {
    return composition.apply(name);
  }

  /** Whether the adapter is frozen, so that training does not change it. */
  public boolean isFrozen() {
    return isFrozen;
  }

  public void freeze(boolean frozen) {
    requireNotTraining(frozen ? "frozen" : "unfrozen");
    isFrozen = frozen;
    trainables().forEach(tensor -> tensor.freeze(frozen));
  }

  /** Frees the adapter's tensors. */
  public void free() {
    free(rewrites);
    tensors.values().forEach(Trainable::close);
  }

  public static void free(List<Sites.Rewrite> rewrites) {
    rewrites.forEach(rewrite -> rewrite.layer().close());
  }

  /** The adapter's method. */
  public PeftMethod<?> method() {
    return method;
  }

  /** The sites that it rewrites, with its layers there. */
  public List<Sites.Rewrite> rewrites() {
    return rewrites;
  }

  /** All tensors, buffers included, by their names in the adapter's files. */
  public Map<String, Trainable> tensors() {
    return tensors;
  }

  /** The name of a tensor in the adapter's files. */
  public String nameOf(Trainable tensor) {
    return tensors.entrySet().stream()
        .filter(entry -> entry.getValue() == tensor)
        .findFirst()
        .orElseThrow()
        .getKey();
  }

  /** The tensors with these names. */
  public Map<String, Trainable> tensors(Set<String> names) {
    Map<String, Trainable> some = new LinkedHashMap<>(tensors);
    some.keySet().retainAll(names);
    return some;
  }

  /** The config with settings that training has decided, such as ranks. */
  public PeftConfig trainedConfig() {
    return trained.get();
  }

  /** Frozen tensors of the model that the adapter's file holds as well, by name. */
  public Map<String, ParameterSite> frozen() {
    return frozen;
  }

  /** The trainable tensors, each once, in order. */
  public List<Trainable> trainables() {
    Set<Trainable> once = new LinkedHashSet<>();
    for (Trainable tensor : tensors.values()) {
      if (!tensor.isBuffer()) {
        once.add(tensor);
      }
    }
    return new ArrayList<>(once);
  }

  /** The number of trainable elements. */
  public long size() {
    return trainables().stream().mapToLong(Trainable::size).sum();
  }

  /** The content of the adapter's adapter_config.json. */
  public String configText() {
    Map<String, JsonElement> fields = ConfigJson.fields(trained.get(), file);
    if (modulesToSave != null || fields.containsKey("modules_to_save")) {
      fields.put("modules_to_save", ConfigValues.write(modulesToSave));
    }
    return ConfigJson.text(fields);
  }

  @Override
  public String toString() {
    return String.format(
        "%s '%s', %,d trained parameters in %d layers", type(), name, size(), rewrites.size());
  }
}
