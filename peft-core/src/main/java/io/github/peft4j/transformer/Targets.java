package io.github.peft4j.transformer;

import java.util.ArrayList;
import java.util.List;

/** What a model's outputs are compared with. */
public sealed interface Targets {

  /** The label that says: not counted. */
  long IGNORED = -100;

  /**
   * One class for each row of the batch.
   *
   * @param classes [B]
   */
  record Classes(long[] classes) implements Targets {}

  /**
   * One class for each token: its own, or the token that an encoder-decoder is to say there.
   *
   * @param classes [B][T], {@link #IGNORED} where none counts
   */
  record Tokens(long[][] classes) implements Targets {}

  /**
   * The tokens themselves: each position is to predict the next one's label.
   *
   * @param tokens [B][T], {@link #IGNORED} where none counts
   */
  record NextTokens(long[][] tokens) implements Targets {}

  /**
   * The rows of the flattened outputs that have a label, and the labels.
   *
   * @param rows indices into (B · (n + T))
   * @param classes the label of each
   */
  record Rows(long[] rows, long[] classes) {
    long count() {
      return rows.length;
    }
  }

  /**
   * The targets of token labels.
   *
   * @param labels [B][T]
   * @param virtual n, how many positions stand in front of each row; the last of them predicts the
   *     first label
   * @param ahead 1 if position t is to predict label t + 1
   */
  static Rows targets(long[][] labels, long virtual, int ahead) {
    List<long[]> found = new ArrayList<>();
    for (int b = 0; b < labels.length; b++) {
      long width = virtual + labels[b].length;
      for (int t = virtual > 0 ? 0 : ahead; t < labels[b].length; t++) {
        if (labels[b][t] != IGNORED) {
          found.add(new long[] {b * width + virtual + t - ahead, labels[b][t]});
        }
      }
    }
    return new Rows(
        found.stream().mapToLong(f -> f[0]).toArray(),
        found.stream().mapToLong(f -> f[1]).toArray());
  }
}
