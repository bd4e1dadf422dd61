package io.github.peft4j.examples.bench;

import com.google.gson.Gson;
import java.util.List;

/** Lengths of examples like Alpaca's: most are short and a few are long. */
final class Lengths {

  /** Shares of the examples, and the number of tokens that this share has at most. */
  private record Quantiles(List<Double> shares, List<Double> tokens) {}

  private static final Quantiles QUANTILES =
      new Gson().fromJson(Resources.json("lengths.json"), Quantiles.class);

  private final int most;
  private long state;

  /**
   * Starts with the same length each time.
   *
   * @param most longer examples are cut
   */
  Lengths(int most) {
    this.most = most;
  }

  /** The length of the next example. The Python side draws the same ones. */
  int next() {
    state = (1103515245 * state + 12345) & 0x7fffffff;
    return (int) Math.min(most, Math.rint(tokens(state / (double) 0x80000000L)));
  }

  /** The number of tokens that a share of the examples has at most. */
  static double tokens(double share) {
    List<Double> shares = QUANTILES.shares();
    List<Double> tokens = QUANTILES.tokens();
    int i = 1;
    while (share > shares.get(i)) {
      i++;
    }
    double part = (share - shares.get(i - 1)) / (shares.get(i) - shares.get(i - 1));
    return tokens.get(i - 1) + part * (tokens.get(i) - tokens.get(i - 1));
  }
}
