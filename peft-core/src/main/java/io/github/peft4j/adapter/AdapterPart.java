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
import io.github.peft4j.kernel.Autograd;
import io.github.peft4j.kernel.Scope;
import io.github.peft4j.kernel.Tensors;
import io.github.peft4j.method.PeftMethod;
import io.github.peft4j.transformer.config.Task;
import io.github.peft4j.tuner.Trainable;
import io.github.peft4j.tuner.TunerLayer;
import io.github.peft4j.tuner.injection.Sites;
import io.github.peft4j.tuner.site.AdapterLayers;
import io.github.peft4j.tuner.site.ParameterSite;
import io.github.peft4j.tuner.site.Rewrite;
import io.github.peft4j.tuner.training.StepListener;
import io.github.peft4j.tuner.training.TrainingRule;
import java.util.IdentityHashMap;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.function.Function;
import java.util.function.Supplier;
import org.jspecify.annotations.Nullable;

/**
 * What one config makes of a model: layers, their tensors, and the tensors' names in files. An
 * adapter has one part, or several that compute together.
 */
public final class AdapterPart {

  /** The release of Hugging Face PEFT whose file format is written. */
  static final String PEFT_VERSION = "0.21.0";

  private final PeftConfig config;
  private final PeftMethod<?> method;
  private final Supplier<PeftConfig> trained;
  private final DType integers;
  private final AdapterLayers layers;
  private final List<Rewrite> rewrites;
  private final Map<String, Trainable> tensors;
  private final IdentityHashMap<Trainable, TunerLayer<?, ?>> owners = new IdentityHashMap<>();
  private final List<StepListener> listeners;
  private final TrainingRule rule;
  private final Map<String, ParameterSite> frozen;
  private final Map<String, JsonElement> file;
  private final @Nullable List<String> modulesToSave;
  private final Function<String, Composition> composition;
  private final AdapterFactory.Injection<?> injection;
  private BareNames names = BareNames.NONE;

  /** Whether no tensor is missing that files of PEFT lack. */
  private boolean complete = true;

  <C extends PeftConfig> AdapterPart(
      C config,
      PeftMethod<C> method,
      PeftLayout<C> layout,
      Sites sites,
      Map<String, Trainable> tensors,
      Map<String, ParameterSite> frozen,
      AdapterFactory.Injection<C> injection,
      @Nullable List<String> modulesToSave) {
    this.injection = injection;
    this.config = config;
    this.method = method;
    this.trained = () -> layout.trained(config, rewrites());
    this.integers = layout.integers(config);
    this.layers = sites.layers();
    this.rewrites = List.copyOf(sites.rewrites());
    this.tensors = tensors;
    this.listeners = List.copyOf(sites.listeners());
    this.rule = sites.rule();
    this.frozen = Map.copyOf(frozen);
    this.file = injection.fields();
    this.modulesToSave = modulesToSave;
    this.composition = name -> method.composition(name, config);
    for (Rewrite rewrite : rewrites) {
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

  /**
   * Tells the layers that their tensors have been read from a folder.
   *
   * @param all whether the tensors of peft4j's own file have been read too
   */
  public void loaded(boolean all) {
    complete = all;
    rewrites.forEach(rewrite -> rewrite.layer().loaded(all));
  }

  /** Sets what a copy of this part on a copy of its model computes with. */
  void copyTo(AdapterPart copy) {
    if (!tensors.keySet().equals(copy.tensors.keySet())) {
      throw new IllegalStateException(
          "a copy of an adapter has other tensors: %s, not %s"
              .formatted(copy.tensors.keySet(), tensors.keySet()));
    }
    tensors.forEach((name, tensor) -> setStored(tensor, copy.tensor(name)));
    copy.loaded(complete); // layers make of what files hold what is in no tensor
    tensors.forEach((name, tensor) -> Tensors.copy(copy.tensor(name).value(), tensor.value()));
  }

  /** Files may hold fewer entries than a tensor has. Layers make nothing of those. */
  private void setStored(Trainable tensor, Trainable copy) {
    try (Scope scope = new Scope()) {
      NDArray stored = Autograd.without(() -> stored(tensor));
      if (stored.getShape().equals(copy.value().getShape())) {
        Tensors.copy(copy.value(), stored);
      }
    }
  }

  private Trainable tensor(String name) {
    return Objects.requireNonNull(tensors.get(name), name);
  }

  /** What the part was made of. */
  AdapterFactory.Injection<?> injection() {
    return injection;
  }

  /** The type of tensors of whole numbers in the file. */
  public DType integers() {
    return integers;
  }

  /** The config that the part was created with or loaded with. */
  public PeftConfig config() {
    return config;
  }

  /** The method. */
  public PeftMethod<?> method() {
    return method;
  }

  /** PEFT's name of the method: {@code peft_type}. */
  public String type() {
    return method.type();
  }

  /** The layers by site. */
  AdapterLayers layers() {
    return layers;
  }

  List<StepListener> listeners() {
    return listeners;
  }

  TrainingRule rule() {
    return rule;
  }

  /** The composition in which an adapter of this part alone is active, under a name. */
  Composition composition(String name) {
    return composition.apply(name);
  }

  /** Sets how names of tensors in the file differ; they are saved under the same names again. */
  public void names(BareNames inFile) {
    names = inFile;
  }

  /** How names of tensors in the file differ. */
  public BareNames names() {
    return names;
  }

  /** A tensor in the form that the file holds. */
  public NDArray stored(Trainable tensor) {
    TunerLayer<?, ?> owner = owners.get(tensor);
    return owner == null ? tensor.value() : owner.stored(tensor);
  }

  /** The sites that it rewrites, with its layers there. */
  public List<Rewrite> rewrites() {
    return rewrites;
  }

  /** All tensors, buffers included, by their names in the files. */
  public Map<String, Trainable> tensors() {
    return tensors;
  }

  /** The name of a tensor in the files. */
  public String nameOf(Trainable tensor) {
    return nameOf(tensor, tensors);
  }

  static String nameOf(Trainable tensor, Map<String, Trainable> tensors) {
    return tensors.entrySet().stream()
        .filter(entry -> entry.getValue() == tensor)
        .findFirst()
        .orElseThrow()
        .getKey();
  }

  /** The config with settings that training has decided, such as ranks. */
  public PeftConfig trainedConfig() {
    return trained.get();
  }

  /** Frozen tensors of the model that the file holds as well, by name. */
  public Map<String, ParameterSite> frozen() {
    return frozen;
  }

  /** The content of the part's adapter_config.json. */
  public String configText() {
    Map<String, JsonElement> fields = ConfigJson.fields(trained.get(), file);
    if (modulesToSave != null || fields.containsKey("modules_to_save")) {
      fields.put("modules_to_save", ConfigValues.write(modulesToSave));
    }
    return ConfigJson.text(fields);
  }

  /** Frees the tensors. */
  void free() {
    free(rewrites);
    tensors.values().forEach(Trainable::close);
  }

  static void free(List<Rewrite> rewrites) {
    rewrites.forEach(rewrite -> rewrite.layer().close());
  }

  @Override
  public String toString() {
    return type();
  }
}
