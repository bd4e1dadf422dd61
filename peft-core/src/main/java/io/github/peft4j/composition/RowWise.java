package io.github.peft4j.composition;

import io.github.peft4j.tuner.BatchRows;
import io.github.peft4j.tuner.Computation;
import io.github.peft4j.tuner.ForwardContext;
import io.github.peft4j.tuner.Place;
import io.github.peft4j.tuner.Rows;
import java.util.ArrayList;
import java.util.List;
import java.util.stream.LongStream;

/**
 * Rows of one batch go through different parts, each as if it were alone. What the frozen model
 * computes is computed once for the whole batch wherever a part asks for it with its own input.
 *
 * <p>A site's computation may contain other sites (a branch contains its linear maps). The context
 * that a part computes in says which part it is, so that all sites that it reaches are that part's
 * alone.
 */
abstract class RowWise implements Composition {

  private final List<Composition> parts;

  RowWise(String name, List<Composition> parts) {
    this.parts = Parts.unreplicated(name, parts);
  }

  final List<Composition> parts() {
    return parts;
  }

  /**
   * The part of each row.
   *
   * @param rows how many the batch has
   * @throws IllegalArgumentException if the composition is for another number
   */
  abstract int[] assign(long rows);

  @Override
  public final <I, O> Computation<I, O> over(Place<I, O> place, Computation<I, O> base) {
    return place.concerns(adapters())
        ? (input, context) -> forward(place, base, input, context)
        : base;
  }

  private <I, O> O forward(
      Place<I, O> place, Computation<I, O> base, I input, ForwardContext around) {
    BatchRows rows = around.rows();
    Integer alone = rows.partOf(this);
    if (alone != null) {
      return parts.get(alone).over(place, base).forward(input, around);
    }
    BatchRows items = rows.of(place.inputs().rows(input));
    int[] partOf = assign(items.batch());
    boolean separate = adapters().stream().anyMatch(place::reads);
    Computation<I, O> whole = new Memoized<>(input, base);
    List<O> outputs = new ArrayList<>();
    List<Rows> order = new ArrayList<>();
    for (int part = 0; part < parts.size(); part++) {
      Rows chosen = items.items(partOf, part);
      if (chosen.count() > 0) {
        I own = place.inputs().select(input, chosen);
        Computation<I, O> shared =
            (x, context) ->
                x == own && !separate
                    ? place.outputs().select(whole.forward(input, around), chosen)
                    : base.forward(x, context);
        Computation<I, O> composed = parts.get(part).over(place, shared);
        O output = composed.forward(own, around.of(rows.in(this, partOf, part)));
        outputs.add(checked(place, chosen, output));
        order.add(chosen);
      }
    }
    O joined = place.outputs().concatenate(outputs);
    return place
        .outputs()
        .select(
            joined,
            Rows.of(order.stream().flatMapToLong(r -> LongStream.of(r.numbers()))).inverse());
  }

  private static <I, O> O checked(Place<I, O> place, Rows rows, O output) {
    long present = place.outputs().rows(output);
    if (present != rows.count()) {
      throw new IllegalStateException(
          place.name() + " gave " + present + " rows for " + rows.count());
    }
    return output;
  }

  @Override
  public final List<List<String>> lineups() {
    return Parts.lineups(parts);
  }

  @Override
  public final boolean isByRow() {
    return true;
  }
}
