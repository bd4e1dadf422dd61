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
 * A composition whose rows go through different parts, each as if it were alone. Parts that call
 * the frozen model with the unchanged input share one computation for the whole batch.
 *
 * <p>A site's computation may contain other sites (a branch contains its linear maps). The context
 * of a part's computation identifies the part, so all sites within it compute with that part only.
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
   * The index of each row's part.
   *
   * @param rows the batch size
   * @throws IllegalArgumentException if the composition is for another batch size
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
