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

/** One adapter on a model: its config, the layers it put into the model, and their tensors. */
public final class Adapter {

  /** The release of Hugging Face PEFT whose files these are. */
  static final String PEFT_VERSION = "0.21.0";

  private volatile String name;
  private final PeftConfig config;
  private final PeftMethod<?> method;
  private final Supplier<PeftConfig> trained;
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

  /** The fields that every new adapter's file has. */
  static Map<String, JsonElement> common(PeftMethod<?> method, Task task, String baseModel) {
    Map<String, JsonElement> fields = new LinkedHashMap<>();
    fields.put("auto_mapping", JsonNull.INSTANCE);
    fields.put("base_model_name_or_path", new JsonPrimitive(baseModel));
    fields.put("inference_mode", new JsonPrimitive(true));
    fields.put("peft_type", new JsonPrimitive(method.type()));
    fields.put("peft_version", new JsonPrimitive(PEFT_VERSION));
    fields.put("revision", JsonNull.INSTANCE);
    fields.put("task_type", new JsonPrimitive(task.type().name()));
    return fields;
  }

  void rename(String other) {
    name = other;
  }

  /** The name it was added under, or was given since. */
  public String name() {
    return name;
  }

  /** Its config, as it was given. */
  public PeftConfig config() {
    return config;
  }

  /** What is told of the steps of a training. */
  public List<StepListener> listeners() {
    return listeners;
  }

  /** The layers that it puts into the model. */
  AdapterLayers layers() {
    return layers;
  }

  /** Its layer at a site, or null. */
  public <I, O> @Nullable TunerLayer<I, O> layer(Site<I, O> site) {
    return layers.at(site);
  }

  /** What calls use that compute with it; its tensors are freed with it. */
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

  /** Refuses what a training would not survive. */
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

  /** What it was trained on, in order, as far as that is known. */
  public List<Provenance.Training> trainings() {
    return trainings;
  }

  /** Sets what it was trained on: whoever trains it says so, and it is saved with it. */
  public void trainings(List<Provenance.Training> trainings) {
    this.trainings = List.copyOf(trainings);
  }

  /** To be called when its file has other names than its tensors, as it is to have again. */
  public void names(BareNames inFile) {
    names = inFile;
  }

  /** What tensors are called in its file. */
  public BareNames names() {
    return names;
  }

  /** A tensor as its file holds it. */
  public NDArray stored(Trainable tensor) {
    TunerLayer<?, ?> owner = owners.get(tensor);
    return owner == null ? tensor.value() : owner.stored(tensor);
  }

  /** PEFT's name of its method. */
  public String type() {
    return method.type();
  }

  /** How it is active alone: with the adapters that it is made on. */
  public Composition composition() {
    return composition(name);
  }

  /**
   * How it is active alone under a name, which may be another meanwhile.
   *
   * @param name that a state of the model has it under
   */
  Composition composition(String name) {
    return composition.apply(name);
  }

  /** Whether training leaves it as it is. */
  public boolean isFrozen() {
    return isFrozen;
  }

  public void freeze(boolean frozen) {
    requireNotTraining(frozen ? "frozen" : "unfrozen");
    isFrozen = frozen;
    trainables().forEach(tensor -> tensor.freeze(frozen));
  }

  /** Frees its tensors. */
  public void free() {
    free(rewrites);
    tensors.values().forEach(Trainable::close);
  }

  public static void free(List<Sites.Rewrite> rewrites) {
    rewrites.forEach(rewrite -> rewrite.layer().close());
  }

  /** Its method. */
  public PeftMethod<?> method() {
    return method;
  }

  /** What it put into the model. */
  public List<Sites.Rewrite> rewrites() {
    return rewrites;
  }

  /** All tensors by their names in its files, buffers included. */
  public Map<String, Trainable> tensors() {
    return tensors;
  }

  /** The name of a tensor. */
  public String nameOf(Trainable tensor) {
    return tensors.entrySet().stream()
        .filter(entry -> entry.getValue() == tensor)
        .findFirst()
        .orElseThrow()
        .getKey();
  }

  /** The tensors of these names. */
  public Map<String, Trainable> tensors(Set<String> names) {
    Map<String, Trainable> some = new LinkedHashMap<>(tensors);
    some.keySet().retainAll(names);
    return some;
  }

  /** Its config with what training has decided. */
  public PeftConfig trainedConfig() {
    return trained.get();
  }

  /** Frozen tensors of the model that its file holds besides. */
  public Map<String, ParameterSite> frozen() {
    return frozen;
  }

  /** The tensors that are trained, each once, in order. */
  public List<Trainable> trainables() {
    Set<Trainable> once = new LinkedHashSet<>();
    for (Trainable tensor : tensors.values()) {
      if (!tensor.isBuffer()) {
        once.add(tensor);
      }
    }
    return new ArrayList<>(once);
  }

  /** Number of its trained elements. */
  public long size() {
    return trainables().stream().mapToLong(Trainable::size).sum();
  }

  /** The text of its adapter_config.json. */
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
