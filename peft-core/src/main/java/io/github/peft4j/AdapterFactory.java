package io.github.peft4j;

import com.google.gson.JsonElement;
import com.google.gson.JsonObject;
import io.github.peft4j.data.Tokenizer;
import io.github.peft4j.transformer.Task;
import io.github.peft4j.transformer.TransformerModel;
import io.github.peft4j.tuner.AdapterLayers;
import io.github.peft4j.tuner.Initial;
import io.github.peft4j.tuner.NearNames;
import io.github.peft4j.tuner.ParameterSite;
import io.github.peft4j.tuner.Site;
import io.github.peft4j.tuner.Sites;
import io.github.peft4j.tuner.TargetModules;
import io.github.peft4j.tuner.WeightTying;
import java.nio.file.Path;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.function.Supplier;
import org.jspecify.annotations.Nullable;

/**
 * Puts adapters into a model.
 *
 * @param tokenizer of the model, or null
 * @param origin where the model came from
 * @param seed of new adapters' random tensors
 * @param present the layers of the adapters that are on the model, by name
 */
record AdapterFactory(
    TransformerModel base,
    @Nullable Tokenizer tokenizer,
    String origin,
    long seed,
    Supplier<Map<String, AdapterLayers>> present) {

  private static final List<String> CLASSIFIERS = List.of("classifier", "score");

  /** A fresh adapter. */
  <C extends PeftConfig> Adapter fresh(String name, C config) {
    PeftMethod<C> method = PeftMethods.of(config);
    return inject(
        name, config, method, common(method), withClassifiers(config.modulesToSave()), null);
  }

  /** An adapter whose tensors are about to be set. */
  <C extends PeftConfig> Adapter blank(String name, C config) {
    PeftMethod<C> method = PeftMethods.of(config);
    return inject(
        name, config, method, common(method), withClassifiers(config.modulesToSave()), Map.of());
  }

  /** An adapter out of a folder. */
  Adapter read(String name, Path folder) {
    JsonObject json = AdapterFiles.readConfig(folder);
    if (AdapterHubConfig.isOne(json)) {
      return readAdapterHub(name, AdapterHubConfig.method(json), folder, json);
    }
    String source = folder.resolve(AdapterFiles.CONFIG).toString();
    PeftMethod<?> method = PeftMethods.ofType(type(json, source));
    Adapter adapter = read(name, method, json, source, AdapterFiles.shapes(folder));
    try {
      AdapterFiles.readTensors(folder, adapter, base.manager());
      return adapter;
    } catch (RuntimeException e) {
      adapter.free();
      throw e;
    }
  }

  private static String type(JsonObject json, String source) {
    JsonElement type = json.get("peft_type");
    if (type == null) {
      throw new IllegalArgumentException(source + ": field 'peft_type' is missing");
    }
    if (!type.isJsonPrimitive()) {
      throw new IllegalArgumentException(
          source + ": field 'peft_type' is " + type + "; expected a method's name, such as LORA");
    }
    return type.getAsString();
  }

  /** Says of what is wrong with a config which file it stands in. */
  private static <T> T naming(String source, Supplier<T> code) {
    try {
      return code.get();
    } catch (UnsupportedMethodException e) {
      throw e;
    } catch (IllegalArgumentException e) {
      throw new IllegalArgumentException(source + ": " + e.getMessage(), e);
    }
  }

  private <C extends PeftConfig> Adapter read(
      String name,
      PeftMethod<C> method,
      JsonObject json,
      String source,
      Map<String, long[]> shapes) {
    C config =
        method.asRead(
            ConfigJson.read(method.configType(), json, source),
            base.config().text("model_type", ""));
    Map<String, JsonElement> file = common(method);
    file.putAll(json.asMap());
    List<String> modules =
        !ConfigJson.savesModules(json, config)
            ? null
            : classifies(json.get("task_type"))
                ? withClassifiers(config.modulesToSave())
                : config.modulesToSave();
    return naming(source, () -> inject(name, config, method, file, modules, shapes));
  }

  private <C extends PeftConfig> Adapter readAdapterHub(
      String name, AdapterHubMethod<C> method, Path folder, JsonObject json) {
    String source = folder.resolve(AdapterFiles.CONFIG).toString();
    C config =
        method.fromAdapterHub(
            AdapterHubConfig.of(json), AdapterHubFiles.modules(folder, base), source);
    List<String> head =
        AdapterHubFiles.head(folder, base)
            .map(own -> own.modules().stream().map(Site::name).toList())
            .orElse(null);
    Adapter adapter =
        naming(
            source,
            () -> inject(name, config, method, common(method), withClassifiers(head), Map.of()));
    try {
      AdapterHubFiles.readTensors(folder, json, adapter, base);
      return adapter;
    } catch (RuntimeException e) {
      adapter.free();
      throw e;
    }
  }

  private Map<String, JsonElement> common(PeftMethod<?> method) {
    return Adapter.common(method, base.task(), origin);
  }

  /**
   * Injects an adapter.
   *
   * @param stored shapes of the tensors that a file holds for it, by name; null for a fresh one
   */
  private <C extends PeftConfig> Adapter inject(
      String name,
      C config,
      PeftMethod<C> method,
      Map<String, JsonElement> common,
      @Nullable List<String> modulesToSave,
      @Nullable Map<String, long[]> stored) {
    Sites sites =
        new Sites(
            base.sites(),
            present.get(),
            new Initial(base.manager(), Merger.masters(base), seed * 31 + name.hashCode()),
            stored == null ? null : stored.keySet(),
            tokenizer == null ? null : new Sites.Words(origin, tokenizer::encode));
    try {
      List<String> saved = modulesToSave;
      if (modulesToSave != null && tiesModules(config, modulesToSave, method, sites)) {
        saved = new WeightTying(sites).withTable(modulesToSave);
        saveModules(sites, saved);
        sites
            .followTables()
            .forEach((map, table) -> sites.alias(method.tensorName(map, "weight"), table));
      } else {
        saveModules(sites, saved);
      }
      C complete = method.complete(config, sites);
      method.inject(stored == null ? complete : method.asStored(complete, stored), sites);
      if (complete instanceof TargetedConfig<?> targeted
          && targeted.targetModules() != null
          && method.storesTables(complete)) {
        StoredTables.store(targeted.targetModules(), method.modulePrefix(), sites);
      }
      return new Adapter(name, complete, method, sites, base.calls(), common, saved);
    } catch (RuntimeException | OutOfMemoryError e) {
      Adapter.free(sites.rewrites());
      throw e;
    }
  }

  /** Whether outputs are to follow the table: a file tells where its names do not. */
  private static boolean tiesModules(
      PeftConfig config, List<String> modulesToSave, PeftMethod<?> method, Sites sites) {
    if (!config.ensureWeightTying()) {
      return false;
    }
    WeightTying tying = new WeightTying(sites);
    return tying.concerns(modulesToSave)
        || (TargetModules.of(modulesToSave).matches(tying.embedding().name())
            && tying.outputs().stream()
                .anyMatch(output -> sites.isRead(method.tensorName(output, "weight"))));
  }

  /** Whether a file is one of classification; without a task PEFT trains no classifier. */
  private static boolean classifies(@Nullable JsonElement taskType) {
    return taskType != null
        && taskType.isJsonPrimitive()
        && Set.of(Task.Type.SEQ_CLS.name(), Task.Type.TOKEN_CLS.name())
            .contains(taskType.getAsString());
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

  private static void saveModules(Sites sites, @Nullable List<String> modules) {
    if (modules == null) {
      return;
    }
    sites.reserve(modules);
    for (String module : modules) {
      boolean found = sites.trainModules(name -> isIn(module, name));
      if (!found && !CLASSIFIERS.contains(module)) {
        throw new IllegalArgumentException(
            NearNames.nothingMatches(
                "modules_to_save",
                module,
                sites.all(ParameterSite.class).stream().map(s -> moduleOf(s.name())).toList()));
      }
    }
  }

  private static String moduleOf(String parameter) {
    return parameter.substring(0, parameter.lastIndexOf('.'));
  }

  /** Whether a parameter is one of a module whose name ends so, in the midst of a word or not. */
  private static boolean isIn(String module, String parameter) {
    return parameter.contains(module + ".");
  }
}
