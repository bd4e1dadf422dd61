package io.github.peft4j.transformer.pass;

import ai.djl.ndarray.NDManager;
import java.util.Arrays;
import java.util.List;
import java.util.stream.IntStream;
import org.jspecify.annotations.Nullable;

/**
 * Rows of ids, padded to one length: a batch of prompts, or the new tokens of one generation step.
 *
 * @param ids [B][T]
 * @param mask [B][number of tokens so far], or null without padding
 * @param paddings number of padding columns of each row
 * @param padId the id of padding
 */
@SuppressWarnings("ArrayRecordComponent") // never compared
public record PaddedRows(long[][] ids, long @Nullable [][] mask, int[] paddings, long padId) {

  /** Pads rows on the left, so that all continue in the same column. */
  public static PaddedRows left(List<long[]> rows, long padId) {
    return pad(rows, padId, true);
  }

  /** Pads rows on the right. */
  public static PaddedRows right(List<long[]> rows, long padId) {
    return pad(rows, padId, false);
  }

  private static PaddedRows pad(List<long[]> rows, long padId, boolean left) {
    int width = rows.stream().mapToInt(row -> row.length).max().orElse(0);
    long[][] ids = new long[rows.size()][width];
    long[][] mask = new long[rows.size()][width];
    int[] paddings = new int[rows.size()];
    for (int i = 0; i < ids.length; i++) {
      long[] row = rows.get(i);
      paddings[i] = width - row.length;
      int start = left ? paddings[i] : 0;
      Arrays.fill(ids[i], padId);
      System.arraycopy(row, 0, ids[i], start, row.length);
      Arrays.fill(mask[i], start, start + row.length, 1);
    }
    boolean even = Arrays.stream(paddings).allMatch(padding -> padding == 0);
    return new PaddedRows(ids, even ? null : mask, paddings, padId);
  }

  /**
   * The next token of each row. The mask of a finished row is 0, so that its position does not grow
   * beyond the model's.
   */
  public PaddedRows next(long[] tokens, boolean[] open) {
    long[][] next = new long[ids.length][];
    long[][] wider = mask == null ? null : new long[ids.length][];
    for (int i = 0; i < ids.length; i++) {
      next[i] = new long[] {open[i] ? tokens[i] : padId};
      if (mask != null && wider != null) {
        wider[i] = Arrays.copyOf(mask[i], mask[i].length + 1);
        wider[i][mask[i].length] = open[i] ? 1 : 0;
      }
    }
    return new PaddedRows(next, wider, paddings, padId);
  }

  /** All tokens of each row, with one more. Otherwise like {@link #next}. */
  public PaddedRows longer(long[] tokens, boolean[] open) {
    PaddedRows last = next(tokens, open);
    long[][] longer = new long[ids.length][];
    for (int i = 0; i < ids.length; i++) {
      longer[i] = Arrays.copyOf(ids[i], ids[i].length + 1);
      longer[i][ids[i].length] = last.ids[i][0];
    }
    return new PaddedRows(longer, last.mask, paddings, padId);
  }

  /** Copies of these rows. */
  public PaddedRows select(int[] rows) {
    return new PaddedRows(
        select(ids, rows),
        mask == null ? null : select(mask, rows),
        Arrays.stream(rows).map(row -> paddings[row]).toArray(),
        padId);
  }

  private static long[][] select(long[][] from, int[] rows) {
    return Arrays.stream(rows).mapToObj(row -> from[row]).toArray(long[][]::new);
  }

  /** Whether copies of these rows are the rows that are here. */
  public boolean equalsSelection(int[] rows) {
    return rows.length == ids.length
        && IntStream.range(0, rows.length).allMatch(i -> ids[i] == ids[rows[i]]);
  }

  /** Whether rows of a batch stay where they are. */
  public static boolean isIdentity(int[] rows, int batch) {
    return rows.length == batch && IntStream.range(0, batch).allMatch(i -> rows[i] == i);
  }

  public int padding(int row) {
    return paddings[row];
  }

  public ModelInput toModel(NDManager manager) {
    return ModelInput.of(manager, ids, mask);
  }
}
