package io.github.peft4j.methods.spiel;

import io.github.peft4j.config.JsonChoice;

/** How the part of the entries that a reselection exchanges falls during training. */
public enum RatePolicy implements JsonChoice {
  /** All at the first reselection, then the initial rate times 1 − t/T. */
  LINEAR("linear") {
    @Override
    double rate(double initial, int step, int total, boolean first) {
      return first ? 1 : initial * (1 - (double) step / total);
    }
  },
  /** The initial rate times (1 + cos(π t/T)) / 2. */
  COSINE("cosine") {
    @Override
    double rate(double initial, int step, int total, boolean first) {
      return initial * (1 + Math.cos(Math.PI * step / total)) / 2;
    }
  };

  private final String json;

  RatePolicy(String json) {
    this.json = json;
  }

  @Override
  public Object json() {
    return json;
  }

  /**
   * The part of the entries that are exchanged, from 0 to 1.
   *
   * @param step t, the number of steps done
   * @param total T
   */
  abstract double rate(double initial, int step, int total, boolean first);
}
