package io.github.peft4j.adapter.adapterhub;

import com.google.gson.JsonElement;
import com.google.gson.JsonNull;
import com.google.gson.JsonObject;
import com.google.gson.JsonPrimitive;
import io.github.peft4j.adapter.Adapter;
import io.github.peft4j.adapter.AdapterFactory;
import io.github.peft4j.adapter.AdapterFormat;
import io.github.peft4j.adapter.AdapterPart;
import io.github.peft4j.adapter.Provenance;
import io.github.peft4j.adapter.files.HeadLabels;
import io.github.peft4j.adapter.files.PeftFolder;
import io.github.peft4j.config.PeftConfig;
import io.github.peft4j.config.TargetModules;
import io.github.peft4j.config.UnsupportedMethodException;
import io.github.peft4j.io.FileGroup;
import io.github.peft4j.io.JsonFile;
import io.github.peft4j.io.TensorSource;
import io.github.peft4j.io.safetensors.Safetensors;
import io.github.peft4j.io.safetensors.SafetensorsWriter;
import io.github.peft4j.io.torch.TorchFile;
import io.github.peft4j.method.PeftMethod;
import io.github.peft4j.method.PeftMethods;
import io.github.peft4j.transformer.TransformerModel;
import io.github.peft4j.tuner.Trainable;
import io.github.peft4j.tuner.site.LinearSite;
import io.github.peft4j.tuner.site.ParameterSite;
import io.github.peft4j.tuner.site.Rewrite;
import io.github.peft4j.tuner.site.Site;
import io.github.peft4j.tuner.site.SublayerSite;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.Optional;
import java.util.Set;
import java.util.stream.Collectors;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * The adapter folder of AdapterHub's library {@code adapters} (its {@code loading.py}):
 * adapter_config.json with adapter.safetensors or pytorch_adapter.bin and, for a head,
 * head_config.json with model_head.safetensors or pytorch_model_head.bin.
 */
public final class AdapterHubFolder implements AdapterFormat {

  private static final Logger LOG = LoggerFactory.getLogger(AdapterHubFolder.class);

  /** The release of the library whose file format is written. */
  private static final String VERSION = "adapters.1.3.0";

  private static final String WEIGHTS = "adapter.safetensors";
  private static final String PICKLED_WEIGHTS = "pytorch_adapter.bin";
  static final String HEAD_CONFIG = HeadLabels.ADAPTER_HUB_HEAD;
  private static final String HEAD = "model_head.safetensors";
  private static final String PICKLED_HEAD = "pytorch_model_head.bin";

  /** The part after the module in names of LoRA's tensors. */
  private static final String LORAS = ".loras.";

  @Override
  public boolean isFormatOf(Path folder) {
    return Files.isRegularFile(folder.resolve(PeftFolder.CONFIG))
        && AdapterHubConfig.isOne(PeftFolder.readConfig(folder));
  }

  @Override
  public Adapter read(String name, Path folder, AdapterFactory factory) {
    JsonObject json = PeftFolder.readConfig(folder);
    String source = folder.resolve(PeftFolder.CONFIG).toString();
    List<JsonObject> configs = AdapterHubConfig.parts(json, source);
    Adapter adapter =
        factory.adapter(
            name,
            configs.size(),
            i ->
                factory.load(
                    injection(configs.get(i), folder, source, factory, i == 0),
                    AdapterFactory.partName(name, i),
                    source,
                    part -> {}));
    try {
      readTensors(folder, json, configs, adapter, factory.base());
      return adapter;
    } catch (RuntimeException e) {
      adapter.free();
      throw e;
    }
  }

  private static AdapterFactory.Injection<?> injection(
      JsonObject config, Path folder, String source, AdapterFactory factory, boolean first) {
    return injection(AdapterHubConfig.mapping(config), config, folder, source, factory, first);
  }

  private static <C extends PeftConfig> AdapterFactory.Injection<C> injection(
      AdapterHubMapping<C> mapping,
      JsonObject json,
      Path folder,
      String source,
      AdapterFactory factory,
      boolean first) {
    TransformerModel model = factory.base();
    C config = mapping.read(json, modules(folder, model), source);
    PeftMethod<C> method = PeftMethods.of(config);
    List<String> head =
        head(folder, model)
            .map(own -> own.modules().stream().map(Site::name).toList())
            .orElse(null);
    List<String> modules = first ? factory.withClassifiers(head) : null;
    return new AdapterFactory.Injection<>(
        method, config, factory.commonFields(method), modules, Map.of());
  }

  /** The model's linear modules for which a folder's file has tensors. */
  static TargetModules modules(Path folder, TransformerModel model) {
    try (TensorSource source = open(folder, WEIGHTS, PICKLED_WEIGHTS)) {
      Set<String> inFile =
          source.names().stream()
              .filter(name -> name.contains(LORAS))
              .map(name -> name.substring(0, name.indexOf(LORAS)))
              .collect(Collectors.toSet());
      return TargetModules.of(
          model
              .sites()
              .filter(LinearSite.class::isInstance)
              .map(Site::name)
              .filter(site -> inFile.stream().anyMatch(name -> AdapterHubNames.isMeant(site, name)))
              .toList());
    }
  }

  /**
   * The names of an adapter's tensors in the files. The first name is read; the others are copies.
   */
  private static Map<String, List<String>> names(
      Adapter adapter, List<AdapterHubMapping<?>> mappings, String name, TransformerModel model) {
    String modelType = model.config().text("model_type", "");
    Map<String, List<String>> names = new LinkedHashMap<>();
    for (int i = 0; i < mappings.size(); i++) {
      for (Rewrite rewrite : adapter.parts().get(i).rewrites()) {
        if (!(rewrite.site() instanceof ParameterSite)) {
          for (Trainable tensor : rewrite.layer().trainables()) {
            names.put(
                adapter.nameOf(tensor),
                mappings.get(i).names(rewrite.site(), tensor.key(), name, modelType));
          }
        }
      }
    }
    return names;
  }

  /**
   * The names of an adapter's tensors in the files that {@link #write} makes, by their own names. A
   * tensor may have several; the first one is read.
   *
   * @throws UnsupportedMethodException if AdapterHub's library does not have the adapter's methods
   */
  public static Map<String, List<String>> names(Adapter adapter, TransformerModel model) {
    List<AdapterHubMapping<?>> mappings = new ArrayList<>();
    adapter.parts().forEach(part -> mappings.add(AdapterHubMappings.toWrite(part)));
    return names(adapter, mappings, adapter.name(), model);
  }

  /** The names of the tensors of fully trained modules, which belong to the head. */
  private static Map<String, List<String>> headNames(
      Adapter adapter, Optional<AdapterHubHead> head) {
    Map<String, String> own = head.map(AdapterHubHead::names).orElse(Map.of());
    Map<String, List<String>> names = new LinkedHashMap<>();
    for (Rewrite rewrite : adapter.rewrites()) {
      if (rewrite.site() instanceof ParameterSite parameter) {
        for (Trainable tensor : rewrite.layer().trainables()) {
          String name = own.getOrDefault(parameter.name(), parameter.name());
          names.put(adapter.nameOf(tensor), List.of(name));
        }
      }
    }
    return names;
  }

  /**
   * The head of a folder, if it is one of the library's own heads and the model has an equivalent.
   */
  static Optional<AdapterHubHead> head(Path folder, TransformerModel model) {
    return Files.exists(folder.resolve(HEAD_CONFIG))
        ? AdapterHubHead.read(JsonFile.read(folder.resolve(HEAD_CONFIG)), model)
        : Optional.empty();
  }

  /**
   * Sets an adapter's tensors to those of a folder.
   *
   * @throws IllegalArgumentException if tensors are missing, unexpected or of the wrong shape,
   *     listing them all; or if the head has other classes than the model
   */
  private static void readTensors(
      Path folder,
      JsonObject json,
      List<JsonObject> configs,
      Adapter adapter,
      TransformerModel model) {
    List<AdapterHubMapping<?>> mappings = new ArrayList<>();
    configs.forEach(config -> mappings.add(AdapterHubConfig.mapping(config)));
    String name = AdapterHubConfig.text(json, "name");
    try (TensorSource source = open(folder, WEIGHTS, PICKLED_WEIGHTS)) {
      Map<String, List<String>> names = names(adapter, mappings, name, model);
      PeftFolder.read(
          folder,
          AdapterHubNames.over(source, names),
          adapter.tensors(names.keySet()),
          Map.of(),
          model.manager());
    }
    Map<String, List<String>> head = headNames(adapter, head(folder, model));
    boolean hasHead =
        Files.exists(folder.resolve(HEAD)) || Files.exists(folder.resolve(PICKLED_HEAD));
    if (!head.isEmpty() && hasHead) {
      try (TensorSource source = open(folder, HEAD, PICKLED_HEAD)) {
        TensorSource renamed = AdapterHubNames.over(source, head);
        if (renamed.names().containsAll(head.keySet())) {
          HeadLabels labels = HeadLabels.of(folder, model);
          labels.require(adapter.parts().get(0), Map.of());
          PeftFolder.read(
              folder, renamed, adapter.tensors(head.keySet()), Map.of(), model.manager());
          labels.align(adapter.parts().get(0));
        } else {
          LOG.warn(
              "{}: the head ({}) differs from the model's ({}): it is not loaded",
              folder,
              source.names(),
              head.values());
        }
      }
    }
    adapter.rewrites().forEach(rewrite -> rewrite.layer().loaded(true));
  }

  private static TensorSource open(Path folder, String file, String pickled) {
    if (Files.isRegularFile(folder.resolve(file))) {
      return Safetensors.open(folder.resolve(file));
    }
    if (Files.isRegularFile(folder.resolve(pickled))) {
      return TorchFile.open(folder.resolve(pickled));
    }
    throw new IllegalArgumentException(folder + " has neither " + file + " nor " + pickled);
  }

  /**
   * Writes the files of an adapter. Either all of them are written or none.
   *
   * @param files of the folder
   */
  public void write(
      FileGroup files, Adapter adapter, TransformerModel model, Provenance provenance) {
    List<AdapterHubMapping<?>> mappings = new ArrayList<>();
    adapter.parts().forEach(part -> mappings.add(AdapterHubMappings.toWrite(part)));
    JsonObject config = config(adapter, mappings, model);
    files.write(
        WEIGHTS, writer(adapter, names(adapter, mappings, adapter.name(), model)).content());
    files.remove(PICKLED_WEIGHTS);
    Optional<AdapterHubHead> own = AdapterHubHead.of(adapter, model);
    Map<String, List<String>> head = headNames(adapter, own);
    if (head.isEmpty()) {
      files.remove(HEAD);
      files.remove(HEAD_CONFIG);
    } else {
      files.write(HEAD, writer(adapter, head).content());
      files.writeText(HEAD_CONFIG, JsonFile.text(describe(own, model, provenance)));
    }
    files.remove(PICKLED_HEAD);
    files.writeText(
        PeftFolder.CONFIG,
        JsonFile.text(describe(model, new JsonPrimitive(adapter.name()), config, provenance)));
    files.writeText(Provenance.FILE, provenance.text());
    files.commit();
  }

  private static JsonObject config(
      Adapter adapter, List<AdapterHubMapping<?>> mappings, TransformerModel model) {
    List<JsonObject> parts = new ArrayList<>();
    for (int i = 0; i < mappings.size(); i++) {
      parts.add(config(adapter.parts().get(i), mappings.get(i), model));
    }
    return parts.size() == 1 ? parts.get(0) : AdapterHubConfig.union(parts);
  }

  private static <C extends PeftConfig> JsonObject config(
      AdapterPart part, AdapterHubMapping<C> mapping, TransformerModel model) {
    C trained = mapping.configType().cast(part.trainedConfig());
    JsonObject config = mapping.write(trained, part.rewrites(), model);
    config.remove("modules_to_save");
    return config;
  }

  private static JsonObject describe(
      Optional<AdapterHubHead> head, TransformerModel model, Provenance provenance) {
    if (head.isPresent()) {
      JsonPrimitive name = new JsonPrimitive(head.get().name());
      return describe(model, name, head.get().config(), provenance);
    }
    JsonObject described = describe(model, JsonNull.INSTANCE, JsonNull.INSTANCE, provenance);
    described.add("label2id", AdapterHubHead.labels(model));
    described.addProperty("num_labels", model.task().labels().size());
    return described;
  }

  private static JsonObject describe(
      TransformerModel model, JsonElement name, JsonElement config, Provenance provenance) {
    JsonObject json = new JsonObject();
    json.add("config", config);
    json.addProperty(
        "hidden_size",
        model
            .sites()
            .filter(SublayerSite.class::isInstance)
            .mapToLong(site -> ((SublayerSite) site).dimension())
            .findFirst()
            .orElseThrow());
    json.addProperty("model_class", model.architecture());
    json.addProperty("model_name", provenance.baseModel());
    json.addProperty("model_type", model.config().text("model_type", ""));
    json.add("name", name);
    json.addProperty("version", VERSION);
    return json;
  }

  private static SafetensorsWriter writer(Adapter adapter, Map<String, List<String>> names) {
    SafetensorsWriter writer = new SafetensorsWriter().metadata("format", "pt");
    names.forEach(
        (own, theirs) ->
            theirs.forEach(
                name ->
                    PeftFolder.add(
                        writer,
                        name,
                        () -> adapter.stored(Objects.requireNonNull(adapter.tensors().get(own))))));
    return writer;
  }
}
