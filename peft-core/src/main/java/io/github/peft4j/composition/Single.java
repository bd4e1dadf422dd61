package io.github.peft4j.composition;

import io.github.peft4j.tuner.Change;
import io.github.peft4j.tuner.Computation;
import io.github.peft4j.tuner.Forward;
import io.github.peft4j.tuner.Place;
import java.util.List;
import java.util.function.UnaryOperator;

/** One adapter. */
record Single(String adapter) implements Composition {

  @Override
  public <I, O> Computation<I, O> over(Place<I, O> place, Computation<I, O> base) {
    Change<I, O> change = place.change(adapter);
    return change == null
        ? base
        : (input, context) -> change.forward(input, new Forward<>(base, context));
  }

  @Override
  public List<List<String>> lineups() {
    return List.of(List.of(adapter));
  }

  @Override
  public Composition renamed(UnaryOperator<String> names) {
    return new Single(names.apply(adapter));
  }

  @Override
  public String toString() {
    return adapter;
  }
}
