package io.github.peft4j.data.tokenizer;

import java.util.ArrayList;
import java.util.List;
import java.util.stream.IntStream;

/** Cuts long texts into windows that overlap, as Hugging Face's tokenizers cut them. */
public final class Windows {

  private Windows() {}

  /**
   * Cuts one text of an encoding into windows. Every window has all tokens of the other text, all
   * special tokens, and a part of the text.
   *
   * @param text the text to cut: 0 for the first, or a list of words; 1 for the second
   * @param maxLength the most tokens of a window
   * @param stride the number of the text's tokens that a window shares with the one before it
   * @return the positions of each window's tokens; one window if all tokens fit
   * @throws IllegalArgumentException if a window has no room for more tokens of the text than it
   *     shares
   */
  public static List<int[]> of(AlignedEncoding whole, int text, int maxLength, int stride) {
    Truncation.requirePositive(maxLength);
    if (stride < 0) {
      throw new IllegalArgumentException("stride is " + stride + ", expected 0 at least");
    }
    int length = whole.length();
    if (length <= maxLength) {
      return List.of(IntStream.range(0, length).toArray());
    }
    int[] cut = IntStream.range(0, length).filter(i -> whole.isOf(i, text)).toArray();
    int room = maxLength - (length - cut.length);
    if (room <= stride) {
      throw new IllegalArgumentException(
          ("maxLength is %d, of which %d tokens are special or of the text that is not cut. A"
                  + " window shares %d tokens with the one before it and needs room for one more."
                  + " Raise maxLength to %d at least, or lower the stride")
              .formatted(maxLength, maxLength - room, stride, maxLength - room + stride + 1));
    }
    List<int[]> windows = new ArrayList<>();
    for (int start = 0; ; start += room - stride) {
      int from = cut[start];
      int to = cut[Math.min(start + room, cut.length) - 1];
      windows.add(
          IntStream.range(0, length)
              .filter(i -> !whole.isOf(i, text) || (from <= i && i <= to))
              .toArray());
      if (start + room >= cut.length) {
        return windows;
      }
    }
  }
}
