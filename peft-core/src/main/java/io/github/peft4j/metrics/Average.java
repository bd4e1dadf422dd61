package io.github.peft4j.metrics;

/** How numbers of several labels become one: {@code average} of scikit-learn. */
public enum Average {
  /** Every label of every example counts the same. */
  MICRO,
  /** The mean over labels. */
  MACRO,
  /** The mean over labels, weighted by how often they occur. */
  WEIGHTED
}
