package io.github.peft4j.transformer.pass;

import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.stream.LongStream;

/** The targets of a model's outputs in the loss. */
public sealed interface LossTargets {

  /** The number of rows of the batch. */
  int rows();

  /** The targets repeated n times, for a replicated batch, see {@link ModelInput#repeat}. */
  LossTargets repeat(int n);

  /** Where a label stands first, for a message, such as {@code " in row 2, column 5"}. */
  default String place(long label) {
    return "";
  }

  /** The label of tokens that do not count in the loss, as in transformers. */
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
      return new Classes(repeated(classes, n));
    }

    @Override
    public String place(long label) {
      return " in row " + LongStream.of(classes).boxed().toList().indexOf(label);
    }
  }

  /**
   * One class for each token; for an encoder-decoder, the token to be generated at each position.
   *
   * @param classes [B][T], {@link #IGNORED} for tokens without a label
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

    @Override
    public String place(long label) {
      return placed(label, classes);
    }
  }

  /**
   * The input ids themselves: each position predicts the label of the next one.
   *
   * @param tokens [B][T], {@link #IGNORED} for tokens that do not count
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

    @Override
    public String place(long label) {
      return placed(label, tokens);
    }
  }

  /**
   * Labels of virtual tokens too: each position predicts the label of the next one.
   *
   * @param tokens [B][n + T], {@link #IGNORED} for positions that do not count
   */
  record NextOfAll(long[][] tokens) implements LossTargets {
    @Override
    public int rows() {
      return tokens.length;
    }

    @Override
    public LossTargets repeat(int n) {
      return new NextOfAll(repeated(tokens, n));
    }

    @Override
    public String place(long label) {
      return placed(label, tokens);
    }
  }

  /**
   * A span for each row of the batch. As in transformers, positions below 0 are 0, and positions
   * beyond the last one do not count.
   *
   * @param starts [B], the position of the span's first token
   * @param ends [B], the position of the span's last token
   * @param width T, the number of tokens
   */
  record Spans(long[] starts, long[] ends, long width) implements LossTargets {

    /** Checks that there are as many ends as starts. */
    public Spans {
      if (starts.length != ends.length) {
        throw new IllegalArgumentException(
            starts.length + " starts and " + ends.length + " ends; expected one of each per row");
      }
    }

    @Override
    public int rows() {
      return starts.length;
    }

    @Override
    public LossTargets repeat(int n) {
      return new Spans(repeated(starts, n), repeated(ends, n), width);
    }

    /**
     * Row 2b has the start of row b of the batch, row 2b + 1 its end. Positions count from the
     * first virtual token, as in PEFT.
     *
     * @param virtual n, the number of virtual tokens in front of each row
     */
    public Rows positions(long virtual) {
      List<long[]> found = new ArrayList<>();
      for (int i = 0; i < 2 * starts.length; i++) {
        long position = Math.max(0, i % 2 == 0 ? starts[i / 2] : ends[i / 2]);
        if (position < virtual + width) {
          found.add(new long[] {i, position});
        }
      }
      return Rows.of(found);
    }
  }

  /**
   * Values for each row of the batch: numbers to predict, or for each class whether the text has
   * it.
   *
   * @param values [B][V]
   */
  record Values(double[][] values) implements LossTargets {
    @Override
    public int rows() {
      return values.length;
    }

    @Override
    public LossTargets repeat(int n) {
      return new Values(repeated(values, n));
    }
  }

  /**
   * No labels of outputs: what is learnt is in the batch itself, such as which texts belong
   * together.
   *
   * @param rows B
   * @param examples the number of examples; rows are the first texts of all examples, then their
   *     second texts, …
   * @param values [B] numbers of each row, such as how alike the texts of its example are; each may
   *     be empty
   */
  record None(int rows, int examples, double[][] values) implements LossTargets {

    /** One row for each example, without numbers. */
    public None(int rows) {
      this(rows, rows, new double[rows][0]);
    }

    @Override
    public LossTargets repeat(int n) {
      return new None(n * rows, n * examples, repeated(values, n));
    }
  }

  private static String placed(long label, long[][] rows) {
    for (int row = 0; row < rows.length; row++) {
      int column = LongStream.of(rows[row]).boxed().toList().indexOf(label);
      if (column >= 0) {
        return " in row %d, column %d".formatted(row, column);
      }
    }
    return "";
  }

  private static long[] repeated(long[] rows, int n) {
    long[] all = new long[n * rows.length];
    Arrays.setAll(all, i -> rows[i % rows.length]);
    return all;
  }

  private static double[][] repeated(double[][] rows, int n) {
    double[][] all = new double[n * rows.length][];
    Arrays.setAll(all, i -> rows[i % rows.length]);
    return all;
  }

  private static long[][] repeated(long[][] rows, int n) {
    long[][] all = new long[n * rows.length][];
    Arrays.setAll(all, i -> rows[i % rows.length]);
    return all;
  }

  /**
   * The rows of the flattened outputs that have a label, with their labels.
   *
   * @param rows indices from 0 to B · (n + T) - 1
   * @param classes the label of each row; empty if labels are values
   * @param values the values of each row; empty if labels are classes
   */
  record Rows(long[] rows, long[] classes, double[][] values) {

    /** No output has a label. */
    public static final Rows NONE = new Rows(new long[0], new long[0], new double[0][]);

    /** Rows with a class each. */
    public static Rows ofClasses(long[] rows, long[] classes) {
      return new Rows(rows, classes, new double[0][]);
    }

    /** Rows with values each. */
    public static Rows ofValues(long[] rows, double[][] values) {
      return new Rows(rows, new long[0], values);
    }

    private static Rows of(List<long[]> rowsAndClasses) {
      return ofClasses(
          rowsAndClasses.stream().mapToLong(f -> f[0]).toArray(),
          rowsAndClasses.stream().mapToLong(f -> f[1]).toArray());
    }

    /** The number of outputs with a label. */
    public int outputs() {
      return rows.length;
    }

    /** The number of labels that count: one for each class, V for V values. */
    public long count() {
      return values.length == 0 ? rows.length : (long) values.length * values[0].length;
    }

    /**
     * The row of the batch of each output row.
     *
     * @param outputs number of output rows per row of the batch
     */
    public long[] batchRows(long outputs) {
      return Arrays.stream(rows).map(row -> row / outputs).toArray();
    }
  }

  /**
   * The targets of token labels.
   *
   * @param labels [B][T]
   * @param virtual n, the number of virtual tokens in front of each row; the last one predicts the
   *     first label
   * @param ahead 1 if position t predicts label t + 1, 0 if it predicts label t
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
    return Rows.of(found);
  }
}
