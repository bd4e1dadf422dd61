package io.github.peft4j.data.tokenizer;

import io.github.peft4j.data.tokenizer.Tokenizer.Encoding;
import java.util.stream.IntStream;

/**
 * Special tokens that a text brings itself, as a rendered conversation does: the tokenizer adds
 * none beside them that is the same.
 */
final class OwnTokens {

  private OwnTokens() {}

  /** The encoding without the added tokens that the text has at the same place. */
  static Encoding once(Encoding encoding) {
    boolean[] twice = twice(encoding.ids(), encoding.specialTokenMask());
    int[] kept = IntStream.range(0, twice.length).filter(i -> !twice[i]).toArray();
    return kept.length == twice.length
        ? encoding
        : new Encoding(
            Truncation.pick(encoding.ids(), kept),
            Truncation.pick(encoding.typeIds(), kept),
            Truncation.pick(encoding.sequenceIds(), kept),
            Truncation.pick(encoding.specialTokenMask(), kept));
  }

  /** Which tokens are added ({@code added[i]} is 1) and are those of the text beside them. */
  private static boolean[] twice(long[] ids, long[] added) {
    boolean[] twice = new boolean[ids.length];
    int end;
    for (int start = 0; start < ids.length; start = end) {
      end = start + 1;
      while (end < ids.length && added[end] == added[start]) {
        end++;
      }
      if (added[start] != 0) {
        int before = same(ids, added, start, end, -1);
        int after = same(ids, added, start + before, end, 1);
        for (int i = start; i < end; i++) {
          twice[i] = i < start + before || i >= end - after;
        }
      }
    }
    return twice;
  }

  /**
   * How many tokens at the edge of the added ones from {@code start} to {@code end} are also those
   * of the text: at the left for side -1, at the right for side 1.
   */
  private static int same(long[] ids, long[] added, int start, int end, int side) {
    for (int count = end - start; count > 0; count--) {
      int text = side < 0 ? start - count : end;
      int own = side < 0 ? start : end - count;
      boolean same = text >= 0 && text + count <= ids.length;
      for (int i = 0; same && i < count; i++) {
        same = added[text + i] == 0 && ids[text + i] == ids[own + i];
      }
      if (same) {
        return count;
      }
    }
    return 0;
  }
}
