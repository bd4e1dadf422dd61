package io.github.peft4j.data.tokenizer;

import io.github.peft4j.data.tokenizer.Tokenizer.Encoding;
import java.util.stream.IntStream;

/** Truncates as Hugging Face's "longest_first" does. */
public final class Truncation {

  private Truncation() {}

  /**
   * The positions that are kept: every special token, and as many of each text's first tokens as
   * fit.
   */
  public static int[] kept(Encoding encoding, int maxLength) {
    int length = encoding.ids().length;
    if (length <= maxLength) {
      return IntStream.range(0, length).toArray();
    }
    long[] special = encoding.specialTokenMask();
    long[] sequence = encoding.sequenceIds();
    int[] count = new int[2];
    for (int i = 0; i < length; i++) {
      if (special[i] == 0) {
        count[(int) sequence[i]]++;
      }
    }
    int[] left = share(count[0], count[1], maxLength - (length - count[0] - count[1]));
    return IntStream.range(0, length)
        .filter(i -> special[i] != 0 || left[(int) sequence[i]]-- > 0)
        .toArray();
  }

  /** The number of tokens that each of two texts keeps, if the longer is cut first. */
  public static int[] share(int first, int second, int room) {
    if (room < 0) {
      throw new IllegalArgumentException(
          "maxLength leaves no room for the special tokens. Raise it by " + -room + " at least");
    }
    int shorter = Math.min(Math.min(first, second), room / 2);
    int longer = Math.min(Math.max(first, second), room - shorter);
    return first > second ? new int[] {longer, shorter} : new int[] {shorter, longer};
  }

  public static int requirePositive(int maxLength) {
    if (maxLength < 1) {
      throw new IllegalArgumentException("maxLength is " + maxLength + ", expected 1 at least");
    }
    return maxLength;
  }

  public static long[] pick(long[] values, int[] positions) {
    return IntStream.of(positions).mapToLong(i -> values[i]).toArray();
  }
}
