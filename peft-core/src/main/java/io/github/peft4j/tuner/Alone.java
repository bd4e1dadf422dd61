package io.github.peft4j.tuner;

import java.util.List;
import java.util.function.UnaryOperator;

/** One adapter. */
record Alone(String adapter) implements Composition {

  @Override
  public <I, O> Forward<I, O> over(Place<I, O> place, Forward<I, O> base) {
    Change<I, O> change = place.change(adapter);
    return change == null ? base : input -> change.forward(input, base);
  }

  @Override
  public List<List<String>> lineups() {
    return List.of(List.of(adapter));
  }

  @Override
  public Composition renamed(UnaryOperator<String> names) {
    return new Alone(names.apply(adapter));
  }

  @Override
  public String toString() {
    return adapter;
  }
}
