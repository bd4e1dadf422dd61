package io.github.peft4j.composition;

import io.github.peft4j.tuner.Change;
import io.github.peft4j.tuner.Computation;
import io.github.peft4j.tuner.Forward;
import io.github.peft4j.tuner.Place;
import java.util.ArrayList;
import java.util.List;
import java.util.function.UnaryOperator;

/**
 * AdapterFusion: at each place the {@link Fusing} layer of one adapter combines the outputs of the
 * others. If the fusion fully trains a tensor, such as a classifier's, its copy replaces those of
 * the others.
 */
record Fuse(String fusion, List<Composition> parts) implements Composition {

  Fuse {
    parts = Parts.unreplicated("fuse", parts);
    for (Composition part : parts) {
      if (part.isByRow()) {
        throw new IllegalArgumentException(
            "fuse of "
                + part
                + ": put the fusion into the batch split and not the other way around");
      }
    }
  }

  @Override
  public <I, O> Computation<I, O> over(Place<I, O> place, Computation<I, O> base) {
    Change<I, O> own = place.change(fusion);
    if (own instanceof Fusing<I, O> fusing) {
      return (input, context) -> {
        Computation<I, O> shared = new Memoized<>(input, base);
        return fusing.fuse(
            input,
            new Forward<>(shared, context),
            parts.stream().map(part -> new Forward<>(part.over(place, shared), context)).toList());
      };
    }
    if (own != null) {
      return (input, context) -> own.forward(input, new Forward<>(base, context));
    }
    for (Composition part : parts) {
      if (part.over(place, base) != base) {
        throw new IllegalArgumentException(
            "adapter "
                + part
                + " changes "
                + place.name()
                + ", where the fusion '"
                + fusion
                + "' has no layer: only bottleneck adapters are fused");
      }
    }
    return base;
  }

  @Override
  public List<List<String>> lineups() {
    List<List<String>> all = new ArrayList<>();
    for (List<String> lineup : Parts.lineups(parts)) {
      List<String> fused = new ArrayList<>(lineup);
      fused.add(fusion);
      all.add(fused);
    }
    return all;
  }

  @Override
  public Composition renamed(UnaryOperator<String> names) {
    return new Fuse(names.apply(fusion), Parts.renamed(parts, names));
  }

  @Override
  public String toString() {
    return fusion + Parts.text("=fuse", parts);
  }
}
