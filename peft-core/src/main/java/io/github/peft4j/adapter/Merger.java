package io.github.peft4j.adapter;

import ai.djl.ndarray.NDArray;
import io.github.peft4j.composition.Composition;
import io.github.peft4j.kernel.Autograd;
import io.github.peft4j.kernel.Precision;
import io.github.peft4j.kernel.Scope;
import io.github.peft4j.kernel.Tensors;
import io.github.peft4j.quantization.FrozenMatrix;
import io.github.peft4j.quantization.Quantization;
import io.github.peft4j.transformer.TransformerModel;
import io.github.peft4j.transformer.pass.Pass;
import io.github.peft4j.tuner.Change;
import io.github.peft4j.tuner.Computation;
import io.github.peft4j.tuner.Forward;
import io.github.peft4j.tuner.Joining;
import io.github.peft4j.tuner.Mergeable;
import io.github.peft4j.tuner.Place;
import io.github.peft4j.tuner.Splitting;
import io.github.peft4j.tuner.TunerLayer;
import io.github.peft4j.tuner.site.ActiveAdapters;
import io.github.peft4j.tuner.site.AdapterLayers;
import io.github.peft4j.tuner.site.LinearSite;
import io.github.peft4j.tuner.site.ParameterSite;
import io.github.peft4j.tuner.site.Site;
import java.util.ArrayList;
import java.util.Collection;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.function.Function;
import java.util.stream.Stream;
import org.jspecify.annotations.Nullable;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * Computes merged weights. Adapters' changes of a weight are composed by the same {@link
 * Composition} as their outputs are. Only {@link #replace} changes the model.
 */
public final class Merger {

  private static final Logger LOG = LoggerFactory.getLogger(Merger.class);

  private final TransformerModel model;
  private final Composition composition;
  private final Map<String, AdapterLayers> layers;
  private final Map<ParameterSite, List<Tensor>> changes = new LinkedHashMap<>();

  /**
   * Collects the weights that a composition changes.
   *
   * @param layers the layers of each adapter in the composition, by adapter name
   * @throws IllegalStateException if a layer cannot be merged
   */
  Merger(TransformerModel model, Composition composition, Map<String, AdapterLayers> layers) {
    this.model = model;
    this.composition = composition;
    this.layers = layers;
    if (composition.isByRow()) {
      throw new IllegalStateException(
          composition + " cannot be merged: the rows of a batch share their weights");
    }
    List<Site<?, ?>> sites =
        model.sites().filter(site -> layersAt(site).findAny().isPresent()).toList();
    sites.forEach(site -> layersAt(site).forEach(layer -> check(site, layer)));
    // Changes of the tensor itself come first, since a linear map computes with its weight.
    sites.stream().filter(ParameterSite.class::isInstance).forEach(this::add);
    sites.stream().filter(site -> !(site instanceof ParameterSite)).forEach(this::add);
  }

  private Stream<TunerLayer<?, ?>> layersAt(Site<?, ?> site) {
    return composition.adapters().stream().flatMap(name -> Stream.ofNullable(layer(name, site)));
  }

  private @Nullable TunerLayer<?, ?> layer(String adapter, Site<?, ?> site) {
    return Objects.requireNonNull(layers.get(adapter)).at(site);
  }

  private static void check(Site<?, ?> site, TunerLayer<?, ?> layer) {
    if (!(layer instanceof Mergeable)) {
      throw new IllegalStateException(
          "the adapter cannot be merged: "
              + layer.getClass().getSimpleName()
              + " at "
              + site.name()
              + " is no change of weights; keep the adapter beside the model");
    }
  }

  private void add(Site<?, ?> site) {
    add(site.weightSiteRequired(), new Tensor(site, Mergeable::merge));
    if (site instanceof LinearSite linear && linear.bias().isPresent()) {
      add(linear.bias().get(), new Tensor(site, Mergeable::mergeBias));
    }
  }

  private void add(ParameterSite parameter, Tensor change) {
    changes.computeIfAbsent(parameter, p -> new ArrayList<>()).add(change);
  }

  /** An adapter's change of a tensor. */
  private interface Rule {
    @Nullable NDArray merge(Mergeable layer, NDArray tensor);
  }

  /** A tensor as a place of composition, without rows. */
  private final class Tensor implements Place<NDArray, NDArray> {

    private final Site<?, ?> site;
    private final Rule rule;

    Tensor(Site<?, ?> site, Rule rule) {
      this.site = site;
      this.rule = rule;
    }

    @Override
    public String name() {
      return site.name();
    }

    @Override
    public @Nullable Change<NDArray, NDArray> change(String adapter) {
      TunerLayer<?, ?> layer = layer(adapter, site);
      return layer == null
          ? null
          : (tensor, base) -> merge((Mergeable) layer, base.forward(tensor));
    }

    private NDArray merge(Mergeable layer, NDArray tensor) {
      NDArray merged = rule.merge(layer, tensor);
      return merged == null ? tensor : merged;
    }

    @Override
    public Splitting<NDArray> inputs() {
      return site.weightSiteRequired().inputs();
    }

    @Override
    public Joining<NDArray> outputs() {
      return site.weightSiteRequired().outputs();
    }
  }

  /** Whether adapters may change a weight. */
  public boolean changes(ParameterSite parameter) {
    return changes.containsKey(parameter) || parameter.hasChanged();
  }

  /** The merged weight, a new tensor that the caller closes; null if it does not change. */
  public @Nullable NDArray merged(ParameterSite parameter) {
    List<Tensor> places = changes.get(parameter);
    if (places == null) {
      return null;
    }
    return Autograd.without(
        () -> {
          try (Scope scope = new Scope();
              Pass pass = Pass.inference(ActiveAdapters.NONE)) {
            Computation<NDArray, NDArray> same = (tensor, context) -> tensor;
            NDArray frozen = parameter.frozen();
            NDArray weight = frozen;
            for (Tensor place : places) {
              NDArray wide = Tensors.cast(weight, masters(model));
              NDArray merged = new Forward<>(composition.over(place, same), pass).forward(wide);
              weight = merged == wide ? weight : Tensors.cast(merged, model.precision());
            }
            return weight == frozen ? null : scope.keep(weight);
          }
        });
  }

  /** Passes a merged weight to a reader and frees it afterwards. */
  public <T> T read(ParameterSite parameter, Function<NDArray, T> reader) {
    NDArray merged = merged(parameter);
    if (merged == null) {
      try (Scope scope = new Scope()) { // of a weight in eight bits, a dense one is made
        return reader.apply(parameter.frozen());
      }
    }
    try (merged) {
      return reader.apply(merged);
    }
  }

  /** All merged weights, which the caller closes. If one fails, those before it are freed. */
  Map<ParameterSite, NDArray> all() {
    Map<ParameterSite, NDArray> all = new LinkedHashMap<>();
    try {
      for (ParameterSite parameter : changes.keySet()) {
        NDArray merged = merged(parameter);
        if (merged != null) {
          all.put(parameter, Scope.release(merged));
        }
      }
      return all;
    } catch (RuntimeException | OutOfMemoryError e) {
      all.values().forEach(NDArray::close);
      throw e;
    }
  }

  /**
   * Says what merged weights cost that take the place of matrices in fewer bits.
   *
   * @param parameters with merged weights of plain numbers
   */
  static void sayWhatIsDense(TransformerModel model, Collection<ParameterSite> parameters) {
    List<ParameterSite> dense = parameters.stream().filter(ParameterSite::isQuantized).toList();
    if (!dense.isEmpty()) {
      long numbers = dense.stream().mapToLong(parameter -> parameter.shape().size()).sum();
      LOG.info(
          "{} merged weights are plain numbers in {}, which take {} MB; before, they were kept in"
              + " fewer bits",
          dense.size(),
          model.precision(),
          numbers * model.precision().bytes() / 1_000_000);
    }
  }

  /** The weights that adapters may change. */
  Collection<ParameterSite> parameters() {
    return changes.keySet();
  }

  /** Computes every merged weight and drops it, to find those that cannot be merged. */
  void check() {
    changes.keySet().forEach(parameter -> read(parameter, merged -> merged));
  }

  /**
   * Replaces the frozen weights with merged ones, one by one. If one fails, the original values of
   * those before it are restored.
   *
   * @param again keeps weights in fewer bits that were kept so before; null if merged weights
   *     become plain numbers
   */
  void replace(@Nullable Requantization again) {
    try (FormerValues former = new FormerValues(model)) {
      try {
        for (ParameterSite parameter : changes.keySet()) {
          NDArray merged = merged(parameter);
          if (merged != null) {
            Quantization before = again == null ? null : parameter.quantization();
            if (again == null || before == null) {
              former.keep(parameter);
              parameter.replace(Scope.release(merged), true);
            } else {
              try (merged) {
                FrozenMatrix matrix = again.store(parameter, merged, before);
                former.keep(parameter);
                parameter.replace(matrix, true);
              }
            }
          }
        }
      } catch (RuntimeException | OutOfMemoryError e) {
        former.restore();
        throw e;
      }
    }
    if (again != null) {
      LOG.info("merged weights are kept in fewer bits again: {}", again.error());
    }
  }

  /** The precision of adapters' master copies: FLOAT32, or FLOAT64 for gradient tests. */
  public static Precision masters(TransformerModel model) {
    return model.precision() == Precision.FLOAT64 ? Precision.FLOAT64 : Precision.FLOAT32;
  }
}
