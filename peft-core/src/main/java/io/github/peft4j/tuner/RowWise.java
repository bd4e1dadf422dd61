package io.github.peft4j.tuner;

import java.util.ArrayList;
import java.util.List;
import java.util.stream.LongStream;

/**
 * Rows of one batch go through different parts, each as if it were alone. What the frozen model
 * computes is computed once for the whole batch wherever a part asks for it with its own input.
 *
 * <p>A site's computation may contain other sites (a branch contains its linear maps). While a part
 * computes, all sites that it reaches are that part's alone.
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
  public final <I, O> Forward<I, O> over(Place<I, O> place, Forward<I, O> base) {
    return place.concerns(adapters()) ? input -> forward(place, base, input) : base;
  }

  private <I, O> O forward(Place<I, O> place, Forward<I, O> base, I input) {
    BatchRows around = BatchRows.current();
    Integer alone = around.partOf(this);
    if (alone != null) {
      return parts.get(alone).over(place, base).forward(input);
    }
    BatchRows items = around.of(place.inputs().rows(input));
    int[] partOf = assign(items.batch());
    boolean separate = adapters().stream().anyMatch(place::reads);
    Forward<I, O> whole = new Once<>(input, x -> around.run(() -> base.forward(x)));
    List<O> outputs = new ArrayList<>();
    List<Rows> order = new ArrayList<>();
    for (int part = 0; part < parts.size(); part++) {
      Rows rows = items.items(partOf, part);
      if (rows.count() > 0) {
        I own = place.inputs().select(input, rows);
        Forward<I, O> shared =
            x ->
                x == own && !separate
                    ? place.outputs().select(whole.forward(input), rows)
                    : base.forward(x);
        Forward<I, O> composed = parts.get(part).over(place, shared);
        O output = around.in(this, partOf, part).run(() -> composed.forward(own));
        outputs.add(checked(place, rows, output));
        order.add(rows);
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
