package io.github.peft4j.adapter.combine;

import ai.djl.ndarray.NDArray;
import io.github.peft4j.adapter.Adapter;
import io.github.peft4j.adapter.AdapterFactory;
import io.github.peft4j.adapter.AdapterPart;
import io.github.peft4j.adapter.Merger;
import io.github.peft4j.adapter.combine.DeltaArithmetic.Factors;
import io.github.peft4j.config.TargetModules;
import io.github.peft4j.kernel.Autograd;
import io.github.peft4j.kernel.Kernel;
import io.github.peft4j.kernel.Ops;
import io.github.peft4j.kernel.RandomState;
import io.github.peft4j.kernel.Scope;
import io.github.peft4j.kernel.Tensors;
import io.github.peft4j.method.LowRankMethod;
import io.github.peft4j.method.PeftMethods;
import io.github.peft4j.transformer.TransformerModel;
import io.github.peft4j.tuner.LowRank;
import io.github.peft4j.tuner.Mergeable;
import io.github.peft4j.tuner.TrainableCopy;
import io.github.peft4j.tuner.TunerLayer;
import io.github.peft4j.tuner.site.EmbeddingSite;
import io.github.peft4j.tuner.site.ExpertsSite;
import io.github.peft4j.tuner.site.LinearSite;
import io.github.peft4j.tuner.site.ParameterSite;
import io.github.peft4j.tuner.site.Rewrite;
import io.github.peft4j.tuner.site.Site;
import java.util.ArrayList;
import java.util.Collections;
import java.util.LinkedHashMap;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.stream.Collectors;
import java.util.stream.Stream;
import org.jspecify.annotations.Nullable;

/** Combines several adapters into one, weight by weight. */
public final class Combiner {

  private static final Kernel TRANSPOSE =
      Kernel.of(
          """
          def transpose(x: Tensor) -> Tensor:
              return torch.contiguous(torch.t(x))
          """);
  private final TransformerModel model;
  private final List<Adapter> sources;
  private final Combination how;

  public Combiner(TransformerModel model, List<Adapter> sources, Combination how) {
    this.model = model;
    this.sources = sources;
    this.how = how;
  }

  /** A weight and the layer of each source that changes it; null for none. */
  private record Change(Site<?, ?> site, List<@Nullable TunerLayer<?, ?>> layers) {

    static Change of(Site<?, ?> site, int sources) {
      return new Change(site, new ArrayList<>(Collections.nCopies(sources, null)));
    }

    /** The layers that are not null. */
    List<TunerLayer<?, ?>> present() {
      List<TunerLayer<?, ?>> present = new ArrayList<>();
      for (TunerLayer<?, ?> layer : layers) {
        if (layer != null) {
          present.add(layer);
        }
      }
      return present;
    }

    boolean isLowRank() {
      return layers.stream().allMatch(layer -> layer == null || layer instanceof LowRank);
    }
  }

  /**
   * Combines the adapters.
   *
   * @param factory creates the new adapter
   * @throws IllegalArgumentException if a source is not a change of weights; the message names it
   */
  public Adapter combine(String name, AdapterFactory factory) {
    Map<Site<?, ?>, Change> maps = new LinkedHashMap<>();
    Map<Site<?, ?>, Change> tensors = new LinkedHashMap<>();
    for (int i = 0; i < sources.size(); i++) {
      for (Rewrite rewrite : sources.get(i).rewrites()) {
        check(sources.get(i), rewrite);
        boolean whole = rewrite.layer() instanceof TrainableCopy;
        Site<?, ?> site = whole ? rewrite.site() : map(rewrite.site());
        Change change =
            (whole ? tensors : maps).computeIfAbsent(site, s -> Change.of(s, sources.size()));
        if (change.layers().set(i, rewrite.layer()) != null) {
          throw refused(sources.get(i), rewrite, "changes the weight twice");
        }
      }
    }
    return Autograd.without(
        () -> {
          try (RandomState random = RandomState.seeded(how.seed());
              Scope scope = new Scope()) {
            Map<Site<?, ?>, Factors> factors = new LinkedHashMap<>();
            maps.forEach((site, change) -> factors.put(site, factors(change)));
            Adapter made = blank(name, factory, factors, tensors.keySet());
            try {
              factors.forEach((site, ab) -> set(made, site, ab));
              tensors.forEach((site, change) -> set(made, (ParameterSite) site, change));
              return made;
            } catch (RuntimeException e) {
              made.free();
              throw e;
            }
          }
        });
  }

  private void check(Adapter source, Rewrite rewrite) {
    TunerLayer<?, ?> layer = rewrite.layer();
    if (!(layer instanceof Mergeable mergeable)) {
      throw refused(source, rewrite, "is no change of weights");
    }
    if (!(layer instanceof TrainableCopy) && isTensor(map(rewrite.site()))) {
      throw refused(source, rewrite, "changes a tensor that no linear module has");
    }
    if (rewrite.site() instanceof LinearSite linear
        && linear.bias().isPresent()
        && changes(mergeable, linear.bias().get())) {
      throw refused(source, rewrite, "changes the bias as well as the weight");
    }
  }

  private static boolean isTensor(Site<?, ?> site) {
    return site instanceof ParameterSite || site instanceof ExpertsSite;
  }

  private static boolean changes(Mergeable layer, ParameterSite bias) {
    return Autograd.without(
        () -> {
          try (Scope scope = new Scope()) {
            return layer.mergeBias(bias.frozen()) != null;
          }
        });
  }

  private static IllegalArgumentException refused(Adapter source, Rewrite rewrite, String why) {
    return new IllegalArgumentException(
        "adapter '"
            + source.name()
            + "' ("
            + source.type()
            + ") cannot be combined into one: "
            + rewrite.layer().getClass().getSimpleName()
            + " at "
            + rewrite.site().name()
            + " "
            + why
            + "; compose the adapters instead: Composition.average or stack");
  }

  /**
   * The map whose weight a layer changes. For a layer on the weight itself it is the weight's
   * owner.
   */
  private Site<?, ?> map(Site<?, ?> site) {
    if (site instanceof LinearSite || site instanceof EmbeddingSite) {
      return site;
    }
    return maps().filter(s -> s.weightSite() == site).findFirst().orElse(site);
  }

  private Factors factors(Change change) {
    List<Double> weights = DeltaArithmetic.of(change.layers(), how.weights());
    List<TunerLayer<?, ?>> layers = change.present();
    if (change.isLowRank()) {
      List<Factors> all = layers.stream().map(layer -> factors((LowRank) layer)).toList();
      int rank = how.rankOf(all.stream().map(Factors::rank).toList());
      return how.isSum()
          ? DeltaArithmetic.sum(all, weights).truncate(rank, how.clamp())
          : DeltaArithmetic.decompose(
                  DeltaArithmetic.combine(
                      all.stream().map(Factors::product).toList(), weights, how),
                  rank)
              .clamp(how.clamp());
    }
    Integer rank = how.ownRank();
    if (rank == null) {
      throw new IllegalArgumentException(
          "Combination: field 'rank' is null; expected a rank, as what the adapters change at "
              + change.site().name()
              + " has none of its own");
    }
    List<NDArray> changes =
        layers.stream().map(layer -> difference(change.site(), (Mergeable) layer)).toList();
    NDArray combined = DeltaArithmetic.combine(changes, weights, how);
    return DeltaArithmetic.decompose(
            isTransposed(change.site()) ? TRANSPOSE.call(combined) : combined, rank)
        .clamp(how.clamp());
  }

  private static Factors factors(LowRank layer) {
    return Factors.of(layer.a(), layer.b(), layer.scale());
  }

  /** ΔW in the layout of the stored weight. */
  private NDArray difference(Site<?, ?> site, Mergeable layer) {
    NDArray weight = Tensors.cast(site.weightSiteRequired().frozen(), Merger.masters(model));
    return Ops.subtract(layer.merge(weight), weight);
  }

  /** An embedding table is stored as the transpose of a map from tokens to vectors. */
  private static boolean isTransposed(Site<?, ?> site) {
    return site instanceof EmbeddingSite
        || (site instanceof LinearSite linear && linear.isTransposed());
  }

  private Adapter blank(
      String name,
      AdapterFactory factory,
      Map<Site<?, ?>, Factors> factors,
      Set<Site<?, ?>> tensors) {
    if (factors.isEmpty()) {
      throw new IllegalArgumentException(
          "the adapters " + how.adapters() + " change no linear map: there is nothing to combine");
    }
    Map<String, Integer> ranks = new LinkedHashMap<>();
    factors.forEach((site, ab) -> ranks.put(site.name(), ab.rank()));
    Adapter made =
        factory.blank(name, method().ofRanks(targets(ranks.keySet()), ranks, modules(tensors)));
    List<String> lost =
        tensors.stream().filter(site -> made.layer(site) == null).map(Site::name).toList();
    if (!lost.isEmpty()) {
      made.free();
      throw new IllegalArgumentException("the new adapter would not hold " + lost);
    }
    return made;
  }

  /** The low-rank method of the first source that has one, or the default. */
  private LowRankMethod<?> method() {
    for (Adapter source : sources) {
      for (AdapterPart part : source.parts()) {
        if (part.method() instanceof LowRankMethod<?> method) {
          return method;
        }
      }
    }
    return PeftMethods.lowRank();
  }

  private TargetModules targets(Set<String> names) {
    return TargetModules.naming(names, maps().map(Site::name).collect(Collectors.toSet()));
  }

  private Stream<Site<?, ?>> maps() {
    return model.sites().filter(s -> s instanceof LinearSite || s instanceof EmbeddingSite);
  }

  /** The fully trained modules, each with all of its tensors. */
  private @Nullable List<String> modules(Set<Site<?, ?>> tensors) {
    Set<String> modules = new LinkedHashSet<>();
    tensors.forEach(site -> modules.add(site.name().replaceAll("\\.[^.]*$", "")));
    model
        .parameters()
        .filter(site -> modules.contains(site.name().replaceAll("\\.[^.]*$", "")))
        .filter(site -> !tensors.contains(site))
        .findFirst()
        .ifPresent(
            site -> {
              throw new IllegalArgumentException(
                  "a part of "
                      + site.name().replaceAll("\\.[^.]*$", "")
                      + " is trained, such as a bias, but not "
                      + site.name()
                      + ": a combination can only hold complete modules");
            });
    return modules.isEmpty() ? null : List.copyOf(modules);
  }

  private static void set(Adapter made, Site<?, ?> site, Factors factors) {
    if (!(made.layer(site) instanceof LowRank layer)) {
      throw new IllegalStateException("no layer of low rank at " + site.name());
    }
    Tensors.copy(layer.a(), factors.a());
    Tensors.copy(layer.b(), factors.b());
  }

  private void set(Adapter made, ParameterSite site, Change change) {
    if (!(made.layer(site) instanceof TrainableCopy copy)) {
      throw new IllegalStateException("no trained copy of " + site.name());
    }
    List<NDArray> changes =
        change.present().stream().map(layer -> difference(site, (Mergeable) layer)).toList();
    NDArray combined =
        DeltaArithmetic.combine(changes, DeltaArithmetic.of(change.layers(), how.weights()), how);
    NDArray weight = Tensors.cast(site.frozen(), Merger.masters(model));
    Tensors.copy(copy.value().value(), Ops.add(weight, combined));
  }
}
