package io.github.peft4j.composition;

import java.util.List;
import java.util.function.UnaryOperator;
import java.util.stream.IntStream;

/** The batch is replicated: the first copy goes through the first part, … */
final class Parallel extends RowWise {

  Parallel(List<Composition> parts) {
    super("parallel", parts);
  }

  @Override
  public int replicas() {
    return parts().size();
  }

  @Override
  int[] assign(long rows) {
    int n = parts().size();
    if (rows % n != 0) {
      throw new IllegalArgumentException(
          this + " needs a batch replicated " + n + " times, this one has " + rows + " rows");
    }
    return IntStream.range(0, Math.toIntExact(rows)).map(row -> (int) (row / (rows / n))).toArray();
  }

  @Override
  public Composition renamed(UnaryOperator<String> names) {
    return new Parallel(Parts.renamed(parts(), names));
  }

  @Override
  public String toString() {
    return Parts.text("parallel", parts());
  }
}
