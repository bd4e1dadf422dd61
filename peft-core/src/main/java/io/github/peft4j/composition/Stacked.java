package io.github.peft4j.composition;

import io.github.peft4j.tuner.Computation;
import io.github.peft4j.tuner.Place;
import java.util.ArrayList;
import java.util.List;
import java.util.function.UnaryOperator;

/** Each part wraps those before it: yₙ = partₙ(x, … part₁(x, base)). */
public record Stacked(List<Composition> parts) implements Composition {

  /** At most one part may replicate the batch. */
  public Stacked {
    if (parts.stream().filter(part -> part.replicas() > 1).count() > 1) {
      throw new IllegalArgumentException(
          Parts.text("stack", parts) + " replicates the batch twice; it can do so once");
    }
  }

  @Override
  public <I, O> Computation<I, O> over(Place<I, O> place, Computation<I, O> base) {
    Computation<I, O> stacked = base;
    for (Composition part : parts) {
      stacked = part.over(place, stacked);
    }
    return stacked;
  }

  @Override
  public List<List<String>> lineups() {
    List<List<String>> all = List.of(List.of());
    for (Composition part : parts) {
      List<List<String>> longer = new ArrayList<>();
      for (List<String> before : all) {
        for (List<String> next : part.lineups()) {
          List<String> lineup = new ArrayList<>(before);
          lineup.addAll(next);
          longer.add(lineup);
        }
      }
      all = longer;
    }
    return all;
  }

  @Override
  public boolean isByRow() {
    return parts.stream().anyMatch(Composition::isByRow);
  }

  @Override
  public int replicas() {
    return parts.stream().mapToInt(Composition::replicas).max().orElse(1);
  }

  @Override
  public Composition renamed(UnaryOperator<String> names) {
    return new Stacked(Parts.renamed(parts, names));
  }

  @Override
  public String toString() {
    return Parts.text("stack", parts);
  }
}
