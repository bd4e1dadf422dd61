package io.github.peft4j.composition;

import java.util.List;
import java.util.function.UnaryOperator;

/** One adapter, or the frozen model, for each row. */
final class PerRow extends RowWise {

  private final List<String> names;
  private final int[] partOf;

  PerRow(List<String> names) {
    super("perRow", names.stream().distinct().map(PerRow::part).toList());
    this.names = List.copyOf(names);
    List<String> distinct = names.stream().distinct().toList();
    this.partOf = names.stream().mapToInt(distinct::indexOf).toArray();
  }

  private static Composition part(String name) {
    return name.equals(BASE) ? NONE : Composition.of(name);
  }

  @Override
  int[] assign(long rows) {
    if (rows != partOf.length) {
      throw new IllegalArgumentException(
          this + " is for a batch of " + partOf.length + " rows, this one has " + rows);
    }
    return partOf;
  }

  @Override
  public Composition renamed(UnaryOperator<String> names) {
    return new PerRow(this.names.stream().map(names).toList());
  }

  @Override
  public String toString() {
    return Parts.text("perRow", names);
  }
}
