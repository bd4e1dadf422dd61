package io.github.peft4j;

import ai.djl.ndarray.NDArray;
import io.github.peft4j.kernel.Autograd;
import io.github.peft4j.kernel.Precision;
import io.github.peft4j.kernel.Scope;
import io.github.peft4j.kernel.Tensors;
import io.github.peft4j.transformer.TransformerModel;
import io.github.peft4j.tuner.Change;
import io.github.peft4j.tuner.Composition;
import io.github.peft4j.tuner.Forward;
import io.github.peft4j.tuner.Joining;
import io.github.peft4j.tuner.LinearSite;
import io.github.peft4j.tuner.Mergeable;
import io.github.peft4j.tuner.ParameterSite;
import io.github.peft4j.tuner.Place;
import io.github.peft4j.tuner.Site;
import io.github.peft4j.tuner.Splitting;
import io.github.peft4j.tuner.TunerLayer;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.Set;
import org.jspecify.annotations.Nullable;

/**
 * Writes adapters into the frozen weights and takes them out again. A weight is composed of what
 * adapters make of it as an output is composed of theirs, by the same {@link Composition}.
 */
final class Merger {

  private final TransformerModel model;
  private final Set<ParameterSite> changed = new LinkedHashSet<>();

  Merger(TransformerModel model) {
    this.model = model;
  }

  /** What an adapter's layer makes of a tensor. */
  private interface Rule {
    @Nullable NDArray merge(Mergeable layer, NDArray tensor);
  }

  /** A tensor as a place: adapters' changes of it, and no rows. */
  private record Tensor(Site<?, ?> site, Rule rule) implements Place<NDArray, NDArray> {

    @Override
    public String name() {
      return site.name();
    }

    @Override
    public @Nullable Change<NDArray, NDArray> change(String adapter) {
      TunerLayer<?, ?> layer = site.layer(adapter);
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

  /**
   * Merges.
   *
   * @throws IllegalStateException if a layer cannot be merged
   */
  void merge(Composition composition) {
    if (composition.isByRow()) {
      throw new IllegalStateException(
          composition + " cannot be merged: the rows of a batch share their weights");
    }
    List<Site<?, ?>> sites =
        model
            .sites()
            .filter(site -> composition.adapters().stream().anyMatch(a -> site.layer(a) != null))
            .toList();
    sites.forEach(site -> composition.adapters().forEach(a -> check(site, site.layer(a))));
    Autograd.without(
        () -> {
          // A linear map computes with its weight: what changes the tensor itself comes first.
          sites.stream()
              .filter(ParameterSite.class::isInstance)
              .forEach(s -> merge(composition, s));
          sites.stream()
              .filter(s -> !(s instanceof ParameterSite))
              .forEach(s -> merge(composition, s));
          return null;
        });
  }

  private static void check(Site<?, ?> site, @Nullable TunerLayer<?, ?> layer) {
    if (layer != null && !(layer instanceof Mergeable)) {
      throw new IllegalStateException(
          "the adapter cannot be merged: "
              + layer.getClass().getSimpleName()
              + " at "
              + site.name()
              + " is no change of weights; keep the adapter beside the model");
    }
  }

  private void merge(Composition composition, Site<?, ?> site) {
    merge(composition, new Tensor(site, Mergeable::merge), site.weightSiteRequired());
    if (site instanceof LinearSite linear && linear.bias().isPresent()) {
      merge(composition, new Tensor(site, Mergeable::mergeBias), linear.bias().get());
    }
  }

  private void merge(Composition composition, Tensor place, ParameterSite parameter) {
    try (Scope scope = new Scope()) {
      Forward<NDArray, NDArray> same = tensor -> tensor;
      NDArray wide = Tensors.cast(parameter.frozen(), masters(model));
      NDArray merged = composition.over(place, same).forward(wide);
      if (merged != wide) {
        parameter.merge(scope.keep(Tensors.cast(merged, model.precision())));
        changed.add(parameter);
      }
    }
  }

  /** What adapters are kept in: 32 bits, or 64 for tests of gradients. */
  static Precision masters(TransformerModel model) {
    return model.precision() == Precision.FLOAT64 ? Precision.FLOAT64 : Precision.FLOAT32;
  }

  /** Brings the former weights back, exactly. */
  void unmerge() {
    changed.forEach(ParameterSite::unmerge);
    changed.clear();
  }

  /** Frees the former weights. */
  void settle() {
    changed.forEach(ParameterSite::forgetUnmerged);
    changed.clear();
  }
}
