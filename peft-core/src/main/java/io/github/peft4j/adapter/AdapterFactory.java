package io.github.peft4j.adapter;

import com.google.gson.JsonElement;
import com.google.gson.JsonNull;
import io.github.peft4j.adapter.layout.BareNames;
import io.github.peft4j.adapter.layout.BroughtTables;
import io.github.peft4j.adapter.layout.PeftLayouts;
import io.github.peft4j.adapter.layout.PeftNames;
import io.github.peft4j.advice.AdvisedException;
import io.github.peft4j.config.CompositeConfig;
import io.github.peft4j.config.PeftConfig;
import io.github.peft4j.config.TargetModules;
import io.github.peft4j.config.UnsupportedMethodException;
import io.github.peft4j.data.tokenizer.Tokenizer;
import io.github.peft4j.method.PeftMethod;
import io.github.peft4j.method.PeftMethods;
import io.github.peft4j.transformer.TransformerModel;
import io.github.peft4j.tuner.Trainable;
import io.github.peft4j.tuner.injection.Initializer;
import io.github.peft4j.tuner.injection.NearNames;
import io.github.peft4j.tuner.injection.Sites;
import io.github.peft4j.tuner.injection.WeightTying;
import io.github.peft4j.tuner.site.AdapterLayers;
import io.github.peft4j.tuner.site.LinearSite;
import io.github.peft4j.tuner.site.ParameterSite;
import io.github.peft4j.tuner.site.Site;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.function.Consumer;
import java.util.function.IntFunction;
import java.util.function.Supplier;
import org.jspecify.annotations.Nullable;

/**
 * Creates adapters for a model.
 *
 * @param tokenizer of the model, or null
 * @param origin the model's origin
 * @param seed of the random tensors of new adapters
 * @param formats the formats of folders; the first that matches a folder reads it
 * @param present the layers of the adapters that are on the model, by adapter name
 */
public record AdapterFactory(
    TransformerModel base,
    @Nullable Tokenizer tokenizer,
    String origin,
    long seed,
    List<AdapterFormat> formats,
    Supplier<Map<String, AdapterLayers>> present) {

  private static final List<String> CLASSIFIERS = List.of("classifier", "score");

  /**
   * A part of an adapter to be created.
   *
   * @param fields the fields of its adapter_config.json
   * @param modulesToSave fully trained modules, classifiers included; null for none
   * @param stored shapes of the tensors in its file, by name; null for a fresh adapter
   */
  public record Injection<C extends PeftConfig>(
      PeftMethod<C> method,
      C config,
      Map<String, JsonElement> fields,
      @Nullable List<String> modulesToSave,
      @Nullable Map<String, long[]> stored) {}

  /** Creates a fresh adapter. */
  public Adapter fresh(String name, PeftConfig config) {
    return ofConfigs(name, config, null);
  }

  /**
   * Creates an adapter whose tensors are about to be set, so that costly initial values are
   * skipped.
   */
  public Adapter blank(String name, PeftConfig config) {
    return ofConfigs(name, config, Map.of());
  }

  private Adapter ofConfigs(String name, PeftConfig config, @Nullable Map<String, long[]> stored) {
    List<? extends PeftConfig> configs =
        config instanceof CompositeConfig composite ? composite.parts() : List.of(config);
    return adapter(
        name,
        configs.size(),
        i -> {
          AdapterPart part = inject(partName(name, i), ofConfig(configs.get(i), stored, i == 0));
          part.names(BareNames.ofNew(base));
          return part;
        });
  }

  /**
   * Creates a copy of an adapter, for a copy of its model: of the same configs, with the same
   * values.
   *
   * @param other an adapter of the same name on another copy of this factory's model
   */
  public Adapter copy(Adapter other) {
    List<AdapterPart> parts = other.parts();
    Adapter copy =
        adapter(
            other.name(),
            parts.size(),
            i -> {
              AdapterPart part = inject(partName(other.name(), i), parts.get(i).injection());
              part.names(parts.get(i).names());
              return part;
            });
    try {
      for (int i = 0; i < parts.size(); i++) {
        parts.get(i).copyTo(copy.parts().get(i));
      }
      return copy;
    } catch (RuntimeException e) {
      copy.free();
      throw e;
    }
  }

  /**
   * The name that seeds a part's random tensors.
   *
   * @param name of the adapter
   * @param part its index, from 0
   */
  public static String partName(String name, int part) {
    return part == 0 ? name : name + "." + part;
  }

  private <C extends PeftConfig> Injection<C> ofConfig(
      C config, @Nullable Map<String, long[]> stored, boolean first) {
    PeftMethod<C> method = PeftMethods.of(config);
    List<String> modules = first ? withClassifiers(config.modulesToSave()) : config.modulesToSave();
    Map<String, JsonElement> fields = commonFields(method);
    if (!first && !classifiers().isEmpty()) {
      fields.put("task_type", JsonNull.INSTANCE); // the first part has the classifier
    }
    return new Injection<>(method, config, fields, modules, stored);
  }

  /**
   * Creates an adapter of parts. If one of them cannot be created, nothing remains of the others.
   *
   * @param count the number of parts, 1 or more
   * @param part creates the part with an index
   * @throws IllegalArgumentException if the parts cannot compute together; the message says why
   */
  public Adapter adapter(String name, int count, IntFunction<AdapterPart> part) {
    List<AdapterPart> parts = new ArrayList<>();
    try {
      for (int i = 0; i < count; i++) {
        parts.add(part.apply(i));
      }
      return new Adapter(name, parts, base.calls());
    } catch (RuntimeException e) {
      parts.forEach(AdapterPart::free);
      throw e;
    }
  }

  /** Reads an adapter from a folder of any format. */
  public Adapter read(String name, Path folder) {
    return formats.stream()
        .filter(format -> format.isFormatOf(folder))
        .findFirst()
        .orElseThrow()
        .read(name, folder, this);
  }

  /**
   * Creates a part of an adapter and sets its tensors. If either fails, nothing remains of it.
   *
   * @param source the file of its config, for errors
   * @param tensors sets the tensors
   */
  public AdapterPart load(
      Injection<?> injection, String name, String source, Consumer<AdapterPart> tensors) {
    AdapterPart part = naming(source, () -> inject(name, injection));
    try {
      tensors.accept(part);
      return part;
    } catch (RuntimeException e) {
      part.free();
      throw e;
    }
  }

  /** Adds the file's name to errors of a config. */
  private static <T> T naming(String source, Supplier<T> code) {
    try {
      return code.get();
    } catch (UnsupportedMethodException e) {
      throw e;
    } catch (IllegalArgumentException e) {
      throw AdvisedException.at(source, e);
    }
  }

  /** The fields of adapter_config.json that do not depend on the method's config. */
  public Map<String, JsonElement> commonFields(PeftMethod<?> method) {
    return AdapterPart.common(method, base.task(), origin);
  }

  private <C extends PeftConfig> AdapterPart inject(String name, Injection<C> injection) {
    PeftMethod<C> method = injection.method();
    C config = injection.config();
    PeftNames<C> names = new PeftNames<>(PeftLayouts.of(method), injection.stored());
    Initializer initial =
        new Initializer(base.homes(), Merger.masters(base), seed * 31 + name.hashCode());
    Sites sites =
        new Sites(
            base.sites(),
            present.get(),
            initial,
            injection.stored() == null ? null : names::isStored,
            tokenizer == null ? null : new Sites.Words(origin, tokenizer::encode));
    try {
      List<String> saved = injection.modulesToSave();
      Map<LinearSite, Trainable> followed = new LinkedHashMap<>();
      if (saved != null && tiesModules(config, saved, sites)) {
        saved = new WeightTying(sites).withTable(saved);
        saveModules(sites, saved);
        followed.putAll(sites.followTables());
      } else {
        saveModules(sites, saved);
      }
      C complete = method.complete(config, sites);
      method.inject(names.asStored(complete), sites);
      followed.putAll(BroughtTables.use(names, sites, base.isResized()));
      Map<String, Trainable> tensors = names.tensors(complete, sites, followed);
      AdapterPart part =
          new AdapterPart(
              complete,
              method,
              names.layout(),
              sites,
              tensors,
              names.frozen(complete, sites, base.isResized(), tensors.keySet()),
              injection,
              saved);
      initial.handOver();
      if (injection.stored() == null) {
        UnmatchedPatterns.warn(complete, sites.rewrites());
      }
      return part;
    } catch (RuntimeException | OutOfMemoryError e) {
      AdapterPart.free(sites.rewrites());
      initial.free();
      throw e;
    }
  }

  /**
   * Whether tied output layers use the trained embedding. For a loaded adapter the file's tensor
   * names decide if the config does not.
   */
  private static boolean tiesModules(PeftConfig config, List<String> modulesToSave, Sites sites) {
    if (!config.ensureWeightTying()) {
      return false;
    }
    WeightTying tying = new WeightTying(sites);
    return tying.concerns(modulesToSave)
        || (TargetModules.of(modulesToSave).matches(tying.embedding().name())
            && tying.outputs().stream().anyMatch(output -> sites.isStored(output, "weight")));
  }

  /**
   * Adds the model's classifiers. They are always trained: a new one is random, and PEFT's files
   * hold it.
   */
  public @Nullable List<String> withClassifiers(@Nullable List<String> modules) {
    List<String> classifiers = classifiers();
    if (classifiers.isEmpty()) {
      return modules;
    }
    Set<String> all = new LinkedHashSet<>(modules == null ? List.of() : modules);
    all.addAll(classifiers);
    return List.copyOf(all);
  }

  private List<String> classifiers() {
    return switch (base.task().type()) {
      case SEQ_CLS, TOKEN_CLS -> CLASSIFIERS;
      case QUESTION_ANS ->
          base.sites()
              .filter(site -> site instanceof LinearSite map && map.role() == LinearSite.Role.HEAD)
              .map(Site::name)
              .toList();
      case CAUSAL_LM, SEQ_2_SEQ_LM, MASKED_LM, FEATURE_EXTRACTION -> List.of();
    };
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

  /** Whether a parameter belongs to a module whose name ends with this text, also within a word. */
  private static boolean isIn(String module, String parameter) {
    return parameter.contains(module + ".");
  }
}
