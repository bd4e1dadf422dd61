package io.github.peft4j.tuner.injection;

import ai.djl.ndarray.NDArray;
import io.github.peft4j.config.TargetModules;
import io.github.peft4j.tuner.StepListener;
import io.github.peft4j.tuner.Trainable;
import io.github.peft4j.tuner.TrainableCopy;
import io.github.peft4j.tuner.TunerLayer;
import io.github.peft4j.tuner.site.AdapterLayers;
import io.github.peft4j.tuner.site.EmbeddingSite;
import io.github.peft4j.tuner.site.InputSite;
import io.github.peft4j.tuner.site.LinearSite;
import io.github.peft4j.tuner.site.NormSite;
import io.github.peft4j.tuner.site.ParameterSite;
import io.github.peft4j.tuner.site.Site;
import io.github.peft4j.tuner.site.TiedTable;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.function.BiPredicate;
import java.util.function.Function;
import java.util.function.Predicate;
import java.util.regex.Pattern;
import java.util.stream.Stream;
import org.jspecify.annotations.Nullable;

/**
 * What a method sees of a model: its sites, which it rewrites for one adapter.
 *
 * <pre>{@code
 * sites.linear(config.targetModules(), Role.KEY, Role.VALUE, Role.DOWN)
 *     .rewrite(site -> new ScaledOutput(site, sites.initial()));
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
  private Predicate<String> reserved = name -> false;
  private List<String> saved = List.of();

  /** One site and the layer that rewrites it. */
  public record Rewrite(Site<?, ?> site, TunerLayer<?, ?> layer) {}

  /**
   * The model's tokenizer, for adapters that start from a text.
   *
   * @param name where it comes from
   * @param encode text to ids
   */
  public record Words(String name, Function<String, long[]> encode) {}

  /**
   * The sites of a model, for one adapter.
   *
   * @param others the adapters that are on the model already, by name
   * @param initial makes its tensors
   * @param file whether the file that it is read from holds a site's tensor of this key; null for a
   *     fresh adapter, which is trained from its first values on
   * @param words the model's tokenizer, or null if it has none
   */
  public Sites(
      Stream<Site<?, ?>> all,
      Map<String, AdapterLayers> others,
      Initializer initial,
      @Nullable BiPredicate<Site<?, ?>, String> file,
      @Nullable Words words) {
    this.all = all.toList();
    this.others = others;
    this.initial = initial;
    this.file = file;
    this.words = words;
  }

  /**
   * Whether the adapter starts anew. If not, first values are overwritten by a file's at once, and
   * costly ones need not be computed.
   */
  public boolean isFresh() {
    return file == null;
  }

  /**
   * Whether the adapter is read from a file that holds this tensor.
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

  /** Makes the adapter's tensors. */
  public Initializer initial() {
    return initial;
  }

  /**
   * Keeps modules that are trained whole from being targets as well, and what is in them.
   *
   * @param modules regular expressions over ends of names, or over parts of them
   */
  public void reserve(List<String> modules) {
    saved = List.copyOf(modules);
    List<Pattern> names =
        modules.stream()
            .map(m -> TargetModules.pattern("modules_to_save", "(^|.*\\.)", m, "($|\\..*)"))
            .toList();
    reserved = name -> names.stream().anyMatch(pattern -> pattern.matcher(name).matches());
  }

  /** The outermost module that is trained whole and has this parameter; its own module if none. */
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

  /** Whether a module is trained whole, or a part of one that is. */
  public boolean isReserved(String module) {
    return reserved.test(module);
  }

  /** Every site of a kind that is not within a module that is trained whole. */
  private <S extends Site<?, ?>> List<S> free(Class<S> kind) {
    return all(kind).stream().filter(site -> !reserved.test(site.name())).toList();
  }

  /** Every site of a kind, in the model's order. */
  public <S extends Site<?, ?>> List<S> all(Class<S> kind) {
    return all.stream().filter(kind::isInstance).map(kind::cast).toList();
  }

  /**
   * The linear modules that are meant.
   *
   * @param targets which; null for those of the given roles
   * @param usual roles that the method rewrites when nothing is said
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

  /** The embeddings that are meant; {@code all-linear} means none. */
  public Selection<EmbeddingSite> embeddings(@Nullable TargetModules targets) {
    List<EmbeddingSite> embeddings = free(EmbeddingSite.class);
    return targets == null || targets.isAllLinear()
        ? new Selection<>(List.of(), embeddings, "none", null)
        : select(embeddings, targets);
  }

  /** The norms that are meant; null for all. */
  public Selection<NormSite> norms(@Nullable TargetModules targets) {
    List<NormSite> norms = free(NormSite.class);
    return targets == null
        ? new Selection<>(norms, norms, "all norms", null)
        : select(norms, targets);
  }

  /**
   * Trains a tensor of the model whole, unless this adapter does so already.
   *
   * @param key of the copy; empty if it is called as the tensor itself
   */
  public void train(ParameterSite site, String key) {
    if (layers.at(site) == null) {
      rewrite(site, new TrainableCopy(key, initial.copy(site.frozen())));
    }
  }

  /** Trains a tensor of the model whole, unless this adapter does so already. */
  public void train(ParameterSite site) {
    train(site, "");
  }

  /** Has the adapter bring a tensor of its own in place of one of the model's, and not train it. */
  public void bring(ParameterSite site) {
    rewrite(site, new TrainableCopy("", initial.copy(site.frozen()), false));
  }

  /**
   * Trains modules whole.
   *
   * @param names of parameters that are accepted
   * @return whether there is any
   */
  public boolean trainModules(Predicate<String> names) {
    List<ParameterSite> parameters = parameters(names).list();
    parameters.forEach(this::train);
    List<LinearSite> tied = tied().stream().filter(l -> names.test(l.weight().name())).toList();
    tied.forEach(site -> rewrite(site, new TrainableLinear(initial.copy(site.weight().frozen()))));
    return !parameters.isEmpty() || !tied.isEmpty();
  }

  /**
   * Has output maps that share an embedding's table follow the copy of it that is trained.
   *
   * @return the copies by the maps
   */
  public Map<LinearSite, Trainable> followTables() {
    Map<LinearSite, Trainable> followed = new LinkedHashMap<>();
    for (LinearSite output : tied()) {
      EmbeddingSite embedding = output.table().orElseThrow();
      if (layer(embedding.weight()) instanceof TrainableCopy copy) {
        rewrite(output, new TrainableLinear(copy));
        followed.put(output, copy.value());
      }
    }
    return followed;
  }

  /** The linear maps that share the table of an embedding. */
  private List<LinearSite> tied() {
    return all(LinearSite.class).stream().filter(l -> l.table().isPresent()).toList();
  }

  /** The token table and the outputs that share it. */
  public TiedTable tokenTable() {
    EmbeddingSite embedding = all(InputSite.class).get(0).embedding();
    return new TiedTable(
        embedding, tied().stream().filter(l -> l.table().orElseThrow() == embedding).toList());
  }

  /** The tensors of the model whose name is accepted. */
  public Selection<ParameterSite> parameters(Predicate<String> names) {
    List<ParameterSite> parameters = all(ParameterSite.class);
    return new Selection<>(
        parameters.stream().filter(site -> names.test(site.name())).toList(),
        parameters,
        "the method's choice of parameters",
        null);
  }

  private static <S extends Site<?, ?>> Selection<S> select(List<S> sites, TargetModules targets) {
    return new Selection<>(
        sites.stream().filter(site -> targets.matches(site.name())).toList(),
        sites,
        targets.toString(),
        targets);
  }

  /** Puts one layer into one site. */
  public <I, O> void rewrite(Site<I, O> site, TunerLayer<I, O> layer) {
    layers.put(site, layer);
    rewrites.add(new Rewrite(site, layer));
  }

  /** Puts a layer of its own into each of the sites. */
  public <I, O, S extends Site<I, O>> void rewrite(
      List<S> sites, Function<? super S, TunerLayer<I, O>> layer) {
    sites.forEach(site -> rewrite(site, layer.apply(site)));
  }

  /** Puts a layer into a site, below the one that this adapter may have there already. */
  public <I, O> void rewriteBelow(Site<I, O> site, TunerLayer<I, O> layer) {
    if (layer(site) == null) {
      rewrite(site, layer);
    } else {
      layers.nest(site, layer);
      rewrites.add(new Rewrite(site, layer));
    }
  }

  /** The layers that were put into sites. */
  public AdapterLayers layers() {
    return layers;
  }

  /** Whether an adapter that is on the model already has a layer at a site. */
  public boolean isRewritten(Site<?, ?> site, String other) {
    AdapterLayers layers = others.get(other);
    return layers != null && layers.at(site) != null;
  }

  /** The adapter's layer at a site, or null. */
  public <I, O> @Nullable TunerLayer<I, O> layer(Site<I, O> site) {
    return layers.at(site);
  }

  /** Stores a tensor that no layer has, and which belongs to no module. */
  public Trainable store(String key, NDArray value) {
    Trainable buffer = Trainable.buffer(key, value);
    stored.put(key, buffer);
    return buffer;
  }

  /** Notes that the method trains a tensor which a module that is trained whole has already. */
  public void overlap(ParameterSite tensor) {
    overlaps.add(tensor);
  }

  /** The tensors that both the method and a module that is trained whole train. */
  public List<ParameterSite> overlaps() {
    return overlaps;
  }

  /** Has the method called after every step of the optimizer. */
  public void afterStep(StepListener listener) {
    listeners.add(listener);
  }

  /** What is called after every step of the optimizer. */
  public List<StepListener> listeners() {
    return listeners;
  }

  /** All that was rewritten, in order. */
  public List<Rewrite> rewrites() {
    return rewrites;
  }

  /** The tensors that no layer has, by key. */
  public Map<String, Trainable> stored() {
    return stored;
  }
}
