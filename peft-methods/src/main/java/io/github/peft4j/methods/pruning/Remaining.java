package io.github.peft4j.methods.pruning;

import ai.djl.ndarray.NDArray;
import io.github.peft4j.adapter.Adapter;
import io.github.peft4j.kernel.Autograd;
import io.github.peft4j.kernel.Scope;
import io.github.peft4j.kernel.Tensors;
import io.github.peft4j.tuner.site.Rewrite;
import java.util.LinkedHashMap;
import java.util.Locale;
import java.util.Map;

/**
 * How many weights are left of each pruned tensor.
 *
 * <pre>{@code
 * System.out.println(Remaining.of(model.adapter("default")));
 * }</pre>
 *
 * @param tensors by name, in the model's order
 */
public record Remaining(Map<String, Count> tensors) {

  /**
   * The weights of one tensor.
   *
   * @param kept those that are not zero
   * @param all of them
   */
  public record Count(long kept, long all) {

    /** kept / all, in [0, 1]. */
    public double part() {
      return (double) kept / all;
    }
  }

  /**
   * Counts the weights that inference has.
   *
   * @throws IllegalArgumentException if the adapter prunes nothing
   */
  public static Remaining of(Adapter adapter) {
    Map<String, Count> tensors = new LinkedHashMap<>();
    for (Rewrite rewrite : adapter.rewrites()) {
      if (rewrite.layer() instanceof PrunedWeight pruned) {
        tensors.put(pruned.site().name(), new Count(nonZero(pruned), pruned.site().shape().size()));
      } else if (rewrite.layer() instanceof KeptWeight loaded) {
        tensors.put(loaded.site().name(), new Count(loaded.count(), loaded.site().shape().size()));
      }
    }
    if (tensors.isEmpty()) {
      throw new IllegalArgumentException(
          "adapter '%s' prunes no tensor; expected one of a PruningConfig"
              .formatted(adapter.name()));
    }
    return new Remaining(tensors);
  }

  private static long nonZero(PrunedWeight layer) {
    return Autograd.without(
        () -> {
          try (Scope scope = new Scope()) {
            NDArray values = layer.effective();
            long count = 0;
            for (float value : Tensors.floats(values)) {
              count += value != 0 ? 1 : 0;
            }
            return count;
          }
        });
  }

  /** The sum over all pruned tensors. */
  public Count total() {
    long kept = 0;
    long all = 0;
    for (Count count : tensors.values()) {
      kept += count.kept();
      all += count.all();
    }
    return new Count(kept, all);
  }

  /** A table: name, per cent, number. */
  @Override
  public String toString() {
    StringBuilder table = new StringBuilder();
    tensors.forEach((name, count) -> line(table, name, count));
    line(table, "all pruned tensors", total());
    return table.toString();
  }

  private static void line(StringBuilder table, String name, Count count) {
    table.append(
        String.format(
            Locale.ROOT, "%-60s %7.3f %% %,15d%n", name, 100 * count.part(), count.kept()));
  }
}
