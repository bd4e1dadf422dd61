package io.github.peft4j.generate;

import ai.djl.ndarray.NDManager;
import io.github.peft4j.transformer.ModelInput;
import java.util.Arrays;
import java.util.List;
import org.jspecify.annotations.Nullable;

/**
 * What a step reads: ids that are new and a mask of all so far, rows ending side by side.
 *
 * @param ids [B][T]
 * @param mask [B][all so far], or null if no row is padded
 * @param paddings how many columns of each row's prompt are padding
 * @param padId fills what nobody reads
 */
record PaddedRows(long[][] ids, long @Nullable [][] mask, int[] paddings, long padId) {

  /** Prompts, padded on the left to the longest. */
  static PaddedRows of(List<long[]> prompts, long padId) {
    int width = prompts.stream().mapToInt(prompt -> prompt.length).max().orElse(0);
    long[][] ids = new long[prompts.size()][width];
    long[][] mask = new long[prompts.size()][width];
    int[] paddings = new int[prompts.size()];
    for (int i = 0; i < ids.length; i++) {
      long[] prompt = prompts.get(i);
      paddings[i] = width - prompt.length;
      Arrays.fill(ids[i], 0, paddings[i], padId);
      System.arraycopy(prompt, 0, ids[i], paddings[i], prompt.length);
      Arrays.fill(mask[i], paddings[i], width, 1);
    }
    boolean even = Arrays.stream(paddings).allMatch(padding -> padding == 0);
    return new PaddedRows(ids, even ? null : mask, paddings, padId);
  }

  /**
   * One token more a row. The mask of a row that is done stays 0, so that its position stays where
   * it is, within the model's.
   */
  PaddedRows next(long[] tokens, List<Boolean> open) {
    long[][] next = new long[ids.length][];
    long[][] wider = mask == null ? null : new long[ids.length][];
    for (int i = 0; i < ids.length; i++) {
      next[i] = new long[] {open.get(i) ? tokens[i] : padId};
      if (mask != null && wider != null) {
        wider[i] = Arrays.copyOf(mask[i], mask[i].length + 1);
        wider[i][mask[i].length] = open.get(i) ? 1 : 0;
      }
    }
    return new PaddedRows(next, wider, paddings, padId);
  }

  int padding(int row) {
    return paddings[row];
  }

  ModelInput toModel(NDManager manager) {
    return ModelInput.of(manager, ids, mask);
  }
}
