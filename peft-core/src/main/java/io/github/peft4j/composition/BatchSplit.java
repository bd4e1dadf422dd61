package io.github.peft4j.composition;

import java.util.List;
import java.util.function.UnaryOperator;

/** The first rows go through the first part, the next ones through the second, … */
final class BatchSplit extends RowWise {

  private final List<Integer> sizes;

  BatchSplit(List<Composition> parts, List<Integer> sizes) {
    super("batchSplit", parts);
    this.sizes = List.copyOf(sizes);
    if (sizes.size() != parts.size() || sizes.stream().anyMatch(size -> size < 0)) {
      throw new IllegalArgumentException(
          "batchSplit: field 'sizes' is "
              + sizes
              + "; expected a number of rows for each of "
              + parts);
    }
  }

  @Override
  int[] assign(long rows) {
    int sum = sizes.stream().mapToInt(Integer::intValue).sum();
    if (rows != sum) {
      throw new IllegalArgumentException(
          this + " is for a batch of " + sum + " rows, this one has " + rows);
    }
    int[] partOf = new int[sum];
    int row = 0;
    for (int part = 0; part < sizes.size(); part++) {
      for (int i = 0; i < sizes.get(part); i++) {
        partOf[row++] = part;
      }
    }
    return partOf;
  }

  @Override
  public Composition renamed(UnaryOperator<String> names) {
    return new BatchSplit(Parts.renamed(parts(), names), sizes);
  }

  @Override
  public String toString() {
    return Parts.text("batchSplit", parts()) + sizes;
  }
}
