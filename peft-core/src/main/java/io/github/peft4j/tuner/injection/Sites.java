package io.github.peft4j.tuner.injection;

import ai.djl.ndarray.NDArray;
import io.github.peft4j.config.TargetModules;
import io.github.peft4j.tuner.Trainable;
import io.github.peft4j.tuner.TrainableCopy;
import io.github.peft4j.tuner.TunerLayer;
import io.github.peft4j.tuner.site.AdapterLayers;
import io.github.peft4j.tuner.site.EmbeddingSite;
import io.github.peft4j.tuner.site.InputSite;
import io.github.peft4j.tuner.site.LinearSite;
import io.github.peft4j.tuner.site.NormSite;
import io.github.peft4j.tuner.site.ParameterSite;
import io.github.peft4j.tuner.site.Rewrite;
import io.github.peft4j.tuner.site.Site;
import io.github.peft4j.tuner.site.TiedTable;
import io.github.peft4j.tuner.training.StepListener;
import io.github.peft4j.tuner.training.TrainingRule;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.function.BiPredicate;
import java.util.function.Function;
import java.util.function.Predicate;
import java.util.regex.Pattern;
import java.util.stream.Collectors;
import java.util.stream.Stream;
import org.jspecify.annotations.Nullable;

/**
 * The sites of a model, into which a method puts the layers of one adapter.
 *
 * <pre>{@code
 * sites.linear(config.targetModules(), Role.KEY, Role.VALUE, Role.DOWN)
 *     .rewrite(site -> new ScaledOutput(site, sites.initial(site)));
 * }</pre>
 */
public final class Sites {

  private final List<Site<?, ?>> all;
  private final AdapterLayers layers = new AdapterLayers();
  private final Map<String, AdapterLayers> others;
  private final Initializer initial;
  private final @Nullable BiPredicate<Site<?, ?>, String> file;
  private final @Nullable Words words;
  private final List<Rewrite> rewrites = new ArrayList<>();
  private final Map<String, Trainable> stored = new LinkedHashMap<>();
  private final List<ParameterSite> overlaps = new ArrayList<>();
  private final List<StepListener> listeners = new ArrayList<>();
  private TrainingRule rule = TrainingRule.ALIKE;
  private Predicate<String> reserved = name -> false;
  private List<String> saved = List.of();

  /**
   * The model's tokenizer, for adapters that are initialized from a text.
   *
   * @param name where the tokenizer comes from
   * @param encode encodes a text as token ids
   */
  public record Words(String name, Function<String, long[]> encode) {}

  /**
   * Opens the sites of a model for one adapter.
   *
   * @param others the layers of adapters that are on the model already, by adapter name
   * @param initial creates the adapter's tensors
   * @param file whether the adapter's file holds a tensor of this site and key; null for a fresh
   *     adapter
   * @param words the model's tokenizer, or null if it has none
   */
  public Sites(
      Stream<Site<?, ?>> all,
      Map<String, AdapterLayers> others,
      Initializer initial,
      @Nullable BiPredicate<Site<?, ?>, String> file,
      @Nullable Words words) {
    this.all = all.filter(s -> !(s instanceof ParameterSite p && p.isBuffer())).toList();
    this.others = others;
    this.initial = initial;
    this.file = file;
    this.words = words;
  }

  /**
   * Whether the adapter is fresh. If not, a file's values replace the initial ones at once, so that
   * costly initial values need not be computed.
   */
  public boolean isFresh() {
    return file == null;
  }

  /**
   * Whether the adapter is loaded from a file that holds this tensor.
   *
   * @param key the tensor's key in a layer at the site
   */
  public boolean isStored(Site<?, ?> site, String key) {
    return file != null && file.test(site, key);
  }

  /**
   * The model's tokenizer.
   *
   * @throws IllegalStateException if the model was loaded without one
   */
  public Words words() {
    if (words == null) {
      throw new IllegalStateException(
          "an adapter that starts from a text needs the model's tokenizer: add tokenizer.json to"
              + " the model's folder");
    }
    return words;
  }

  /** Creates the adapter's tensors, on the main device of the model. */
  public Initializer initial() {
    return initial;
  }

  /** Creates the tensors of a layer at a site, on the site's device. */
  public Initializer initial(Site<?, ?> site) {
    return initial.at(site.name());
  }

  /**
   * Reserves fully trained modules and everything in them, so that they are not targets as well.
   *
   * @param modules regular expressions that match the end or a middle part of names
   */
  public void reserve(List<String> modules) {
    saved = List.copyOf(modules);
    List<Pattern> names =
        modules.stream()
            .map(m -> TargetModules.pattern("modules_to_save", "(^|.*\\.)", m, "($|\\..*)"))
            .toList();
    reserved = name -> names.stream().anyMatch(pattern -> pattern.matcher(name).matches());
  }

  /**
   * The outermost fully trained module that contains a parameter, or the parameter's own module.
   */
  public String savedModule(String parameter) {
    String module = parameter.substring(0, parameter.lastIndexOf('.'));
    for (int end = module.indexOf('.'); end > 0; end = module.indexOf('.', end + 1)) {
      String outer = module.substring(0, end);
      if (saved.stream().anyMatch(outer::endsWith)) {
        return outer;
      }
    }
    return module;
  }

  /** Whether a module is fully trained, or is part of such a module. */
  public boolean isReserved(String module) {
    return reserved.test(module);
  }

  /** All sites of a kind outside fully trained modules. */
  private <S extends Site<?, ?>> List<S> free(Class<S> kind) {
    return all(kind).stream().filter(site -> !reserved.test(site.name())).toList();
  }

  /** All sites of a kind, in the model's order. */
  public <S extends Site<?, ?>> List<S> all(Class<S> kind) {
    return all.stream().filter(kind::isInstance).map(kind::cast).toList();
  }

  /**
   * Selects linear modules.
   *
   * @param targets the target modules; null for those with the given roles
   * @param usual roles that the method rewrites by default
   */
  public Selection<LinearSite> linear(@Nullable TargetModules targets, LinearSite.Role... usual) {
    List<LinearSite> linear = free(LinearSite.class);
    if (targets == null) {
      List<LinearSite.Role> roles = List.of(usual);
      return new Selection<>(
          linear.stream().filter(site -> roles.contains(site.role())).toList(),
          linear,
          "roles " + roles,
          null);
    }
    return select(
        linear.stream()
            .filter(s -> !targets.isAllLinear() || s.role() != LinearSite.Role.HEAD)
            .toList(),
        targets);
  }

  /** Selects embeddings; {@code all-linear} selects none. */
  public Selection<EmbeddingSite> embeddings(@Nullable TargetModules targets) {
    List<EmbeddingSite> embeddings = free(EmbeddingSite.class);
    return targets == null || targets.isAllLinear()
        ? new Selection<>(List.of(), embeddings, "none", null)
        : select(embeddings, targets);
  }

  /** Selects norms; null selects all. */
  public Selection<NormSite> norms(@Nullable TargetModules targets) {
    List<NormSite> norms = free(NormSite.class);
    return targets == null
        ? new Selection<>(norms, norms, "all norms", null)
        : select(norms, targets);
  }

  /**
   * Makes a tensor of the model trainable, unless this adapter trains it already.
   *
   * @param key of the trainable copy; empty if it has the tensor's own name
   */
  public void train(ParameterSite site, String key) {
    if (layers.at(site) == null) {
      rewrite(site, new TrainableCopy(key, initial.copy(site)));
    }
  }

  /** Makes a tensor of the model trainable, unless this adapter trains it already. */
  public void train(ParameterSite site) {
    train(site, "");
  }

  /** Replaces a tensor of the model with the adapter's own, without training it. */
  public void bring(ParameterSite site) {
    rewrite(site, new TrainableCopy("", initial.copy(site), false));
  }

  /**
   * The same for an output map that shares a table which the adapter trains for the input alone.
   */
  public void bring(LinearSite output) {
    rewrite(output, new TrainableLinear(copy(output), false));
  }

  private NDArray copy(LinearSite output) {
    return initial.copy(output.weight());
  }

  /**
   * Makes all parameters with accepted names trainable.
   *
   * @param names accepts names of parameters
   * @return whether any parameter was accepted
   */
  public boolean trainModules(Predicate<String> names) {
    List<ParameterSite> parameters = parameters(names);
    parameters.forEach(this::train);
    List<LinearSite> tied = tied().stream().filter(l -> names.test(l.weight().name())).toList();
    tied.forEach(site -> rewrite(site, new TrainableLinear(copy(site), true)));
    return !parameters.isEmpty() || !tied.isEmpty();
  }

  /**
   * Makes output maps that share an embedding's table use the trainable copy of that table.
   *
   * @return the copy that each map uses
   */
  public Map<LinearSite, Trainable> followTables() {
    Map<LinearSite, Trainable> followed = new LinkedHashMap<>();
    for (LinearSite output : tied()) {
      EmbeddingSite embedding = output.table().orElseThrow();
      if (layer(embedding.weight()) instanceof TrainableCopy copy) {
        rewriteBelow(output, new TrainableLinear(copy));
        followed.put(output, copy.value());
      }
    }
    return followed;
  }

  /** The linear maps that share an embedding's table. */
  private List<LinearSite> tied() {
    return all(LinearSite.class).stream().filter(l -> l.table().isPresent()).toList();
  }

  /** The token embedding table and the output maps that share it. */
  public TiedTable tokenTable() {
    EmbeddingSite embedding = all(InputSite.class).get(0).embedding();
    return new TiedTable(
        embedding, tied().stream().filter(l -> l.table().orElseThrow() == embedding).toList());
  }

  /** The model's tensors whose name is accepted. */
  public List<ParameterSite> parameters(Predicate<String> names) {
    return all(ParameterSite.class).stream().filter(site -> names.test(site.name())).toList();
  }

  private Predicate<String> modules(TargetModules targets) {
    if (!targets.isAllLinear()) {
      return targets::matches;
    }
    Set<String> linear =
        linear(targets).list().stream().map(Site::module).collect(Collectors.toSet());
    return linear::contains;
  }

  /** Selects the model's tensors by their own names, as {@code target_parameters} has them. */
  public Selection<ParameterSite> parameters(TargetModules names) {
    List<ParameterSite> all = all(ParameterSite.class);
    return new Selection<>(
        parameters(names::matches),
        all.stream().map(Site::name).toList(),
        "target_parameters",
        names.toString(),
        names);
  }

  /**
   * Selects the tensors of modules.
   *
   * @param targets the modules, {@code all-linear} for weights and biases of all linear maps but
   *     the output layer; or null for all
   * @param excluded modules that are left out, or null for none
   */
  public Selection<ParameterSite> parametersOf(
      @Nullable TargetModules targets, @Nullable TargetModules excluded) {
    List<ParameterSite> all = all(ParameterSite.class);
    Predicate<String> modules = targets == null ? module -> true : modules(targets);
    List<ParameterSite> chosen = all.stream().filter(p -> modules.test(p.module())).toList();
    return new Selection<>(
            chosen,
            all.stream().map(ParameterSite::module).toList(),
            "target_modules",
            targets == null ? "null" : targets.toString(),
            targets)
        .excluding(excluded, ParameterSite::module);
  }

  private static <S extends Site<?, ?>> Selection<S> select(List<S> sites, TargetModules targets) {
    return new Selection<>(
        sites.stream().filter(site -> targets.matches(site.name())).toList(),
        sites,
        targets.toString(),
        targets);
  }

  /** Puts a layer into a site. */
  public <I, O> void rewrite(Site<I, O> site, TunerLayer<I, O> layer) {
    layers.put(site, layer);
    rewrites.add(new Rewrite(site, layer));
  }

  /** Puts a new layer into each of the sites. */
  public <I, O, S extends Site<I, O>> void rewrite(
      List<S> sites, Function<? super S, TunerLayer<I, O>> layer) {
    sites.forEach(site -> rewrite(site, layer.apply(site)));
  }

  /**
   * Puts a layer into a site. If this adapter has a layer there already, the new one becomes part
   * of that layer's {@code base}.
   */
  public <I, O> void rewriteBelow(Site<I, O> site, TunerLayer<I, O> layer) {
    if (layer(site) == null) {
      rewrite(site, layer);
    } else {
      layers.nest(site, layer);
      rewrites.add(new Rewrite(site, layer));
    }
  }

  /** The layers that have been put into sites. */
  public AdapterLayers layers() {
    return layers;
  }

  /** Whether another adapter of the model has a layer at a site. */
  public boolean isRewritten(Site<?, ?> site, String other) {
    AdapterLayers layers = others.get(other);
    return layers != null && layers.at(site) != null;
  }

  /** This adapter's layer at a site, or null. */
  public <I, O> @Nullable TunerLayer<I, O> layer(Site<I, O> site) {
    return layers.at(site);
  }

  /** Declares a saved tensor that belongs to no layer and no module. */
  public Trainable store(String key, NDArray value) {
    Trainable buffer = Trainable.buffer(key, value);
    stored.put(key, buffer);
    return buffer;
  }

  /** Records that the method trains a tensor that belongs to a fully trained module as well. */
  public void overlap(ParameterSite tensor) {
    overlaps.add(tensor);
  }

  /** The tensors that are trained both by the method and as part of a fully trained module. */
  public List<ParameterSite> overlaps() {
    return overlaps;
  }

  /** Registers a listener that is called at every optimizer step. */
  public void atSteps(StepListener listener) {
    listeners.add(listener);
  }

  /** Registers a rule by which the method trains its tensors. It comes after earlier ones. */
  public void rule(TrainingRule more) {
    rule = rule.and(more);
  }

  /** The method's rule. */
  public TrainingRule rule() {
    return rule;
  }

  /** The registered listeners. */
  public List<StepListener> listeners() {
    return listeners;
  }

  /** The rewritten sites with their layers, in the order of the rewrites. */
  public List<Rewrite> rewrites() {
    return rewrites;
  }

  /** The tensors that belong to no layer, by key. */
  public Map<String, Trainable> stored() {
    return stored;
  }
}
