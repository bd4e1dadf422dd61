package io.github.peft4j.transformer.pass;

import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;

/** What a model's outputs are compared with. */
public sealed interface LossTargets {

  /** How many rows of a batch have targets. */
  int rows();

  /** The same targets n times, for a batch that is replicated: {@link ModelInput}. */
  LossTargets repeat(int n);

  /** The label that says: not counted. */
  long IGNORED = -100;

  /**
   * One class for each row of the batch.
   *
   * @param classes [B]
   */
  record Classes(long[] classes) implements LossTargets {
    @Override
    public int rows() {
      return classes.length;
    }

    @Override
    public LossTargets repeat(int n) {
      long[] all = new long[n * classes.length];
      Arrays.setAll(all, i -> classes[i % classes.length]);
      return new Classes(all);
    }
  }

  /**
   * One class for each token: its own, or the token that an encoder-decoder is to say there.
   *
   * @param classes [B][T], {@link #IGNORED} where none counts
   */
  record Tokens(long[][] classes) implements LossTargets {
    @Override
    public int rows() {
      return classes.length;
    }

    @Override
    public LossTargets repeat(int n) {
      return new Tokens(repeated(classes, n));
    }
  }

  /**
   * The tokens themselves: each position is to predict the next one's label.
   *
   * @param tokens [B][T], {@link #IGNORED} where none counts
   */
  record NextTokens(long[][] tokens) implements LossTargets {
    @Override
    public int rows() {
      return tokens.length;
    }

    @Override
    public LossTargets repeat(int n) {
      return new NextTokens(repeated(tokens, n));
    }
  }

  private static long[][] repeated(long[][] rows, int n) {
    long[][] all = new long[n * rows.length][];
    Arrays.setAll(all, i -> rows[i % rows.length]);
    return all;
  }

  /**
   * The rows of the flattened outputs that have a label, and the labels.
   *
   * @param rows indices into (B · (n + T))
   * @param classes the label of each
   */
  record Rows(long[] rows, long[] classes) {
    public long count() {
      return rows.length;
    }

    /** The row of the batch that each belongs to, if so many outputs belong to one. */
    public long[] batchRows(long outputs) {
      return Arrays.stream(rows).map(row -> row / outputs).toArray();
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
