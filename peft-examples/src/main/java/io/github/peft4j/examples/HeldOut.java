package io.github.peft4j.examples;

import io.github.peft4j.data.Dataset;
import io.github.peft4j.data.Example;

/** Some rows of a file, chosen at random, to measure with. */
final class HeldOut {

  private HeldOut() {}

  /** Splits by {@code --held-out}, which is a tenth by default, and prints the sizes. */
  static <E extends Example> Dataset.Split<E> split(Dataset<E> all, Arguments arguments, int seed) {
    int heldOut = arguments.integer("held-out", Math.max(1, all.size() / 10));
    if (heldOut < 1 || heldOut >= all.size()) {
      throw arguments.error("--held-out is " + heldOut + " of " + all.size() + " rows");
    }
    Dataset.Split<E> split = all.split((double) heldOut / all.size(), seed);
    System.out.printf(
        "%,d to learn from, %,d to measure with%n", split.train().size(), split.heldOut().size());
    return split;
  }
}
