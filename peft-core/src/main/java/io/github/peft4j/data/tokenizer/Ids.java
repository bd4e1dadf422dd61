package io.github.peft4j.data.tokenizer;

import java.util.Arrays;

/** Helpers for arrays of ids. */
public final class Ids {

  private Ids() {}

  /** The ids, followed by the end-of-text id if the tokenizer has one. */
  public static long[] closed(long[] ids, Tokenizer tokenizer) {
    if (tokenizer.eosId().isEmpty() || endsText(ids, tokenizer)) {
      return ids;
    }
    return concat(ids, new long[] {tokenizer.eosId().getAsLong()});
  }

  /**
   * The ids without a final end-of-text id, which some tokenizers add, so that the text can be
   * continued.
   */
  public static long[] open(long[] ids, Tokenizer tokenizer) {
    return endsText(ids, tokenizer) && ids.length > 1 ? Arrays.copyOf(ids, ids.length - 1) : ids;
  }

  private static boolean endsText(long[] ids, Tokenizer tokenizer) {
    return ids.length > 0
        && tokenizer.eosId().isPresent()
        && ids[ids.length - 1] == tokenizer.eosId().getAsLong();
  }

  public static long[] concat(long[] head, long[] tail) {
    long[] both = Arrays.copyOf(head, head.length + tail.length);
    System.arraycopy(tail, 0, both, head.length, tail.length);
    return both;
  }
}
