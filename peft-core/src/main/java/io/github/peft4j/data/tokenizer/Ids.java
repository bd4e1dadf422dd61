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

  /** Whether the last id is the end-of-text id. */
  static boolean endsText(long[] ids, Tokenizer tokenizer) {
    return ids.length > 0
        && tokenizer.eosId().isPresent()
        && ids[ids.length - 1] == tokenizer.eosId().getAsLong();
  }

  /** The number of ids at the start that both have in common. */
  public static int common(long[] ids, long[] others) {
    int differ = Arrays.mismatch(ids, others);
    return differ < 0 ? ids.length : differ;
  }

  public static long[] concat(long[] head, long[] tail) {
    long[] both = Arrays.copyOf(head, head.length + tail.length);
    System.arraycopy(tail, 0, both, head.length, tail.length);
    return both;
  }
}
