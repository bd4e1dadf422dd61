package io.github.peft4j.transformer.pass;

import ai.djl.ndarray.NDManager;
import java.util.Arrays;
import java.util.List;
import org.jspecify.annotations.Nullable;

/**
 * Rows of ids, padded to one length: what a batch of texts is read from, and what a step reads that
 * writes them.
 *
 * @param ids [B][T]
 * @param mask [B][all so far], or null if no row is padded
 * @param paddings how many columns of each row are padding
 * @param padId fills what nobody reads
 */
@SuppressWarnings("ArrayRecordComponent") // Arrays are made of them; nobody compares them.
public record PaddedRows(long[][] ids, long @Nullable [][] mask, int[] paddings, long padId) {

  /** Rows that end side by side, so that all go on in the same column. */
  public static PaddedRows left(List<long[]> rows, long padId) {
    return pad(rows, padId, true);
  }

  /** Rows that begin side by side. */
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
   * One token more a row. The mask of a row that is done stays 0, so that its position stays where
   * it is, within the model's.
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

  public int padding(int row) {
    return paddings[row];
  }

  public ModelInput toModel(NDManager manager) {
    return ModelInput.of(manager, ids, mask);
  }
}
