package io.github.peft4j.data.tokenizer;

import java.util.Arrays;
import org.jspecify.annotations.Nullable;

/** The {@code char} index of each code point of a text. */
final class CharIndex {

  private final int length;
  private final int @Nullable [] indices;

  CharIndex(String text) {
    length = text.length();
    int points = text.codePointCount(0, length);
    if (points == length) {
      indices = null;
      return;
    }
    indices = new int[points + 1];
    Arrays.setAll(indices, i -> i == points ? length : i);
    for (int i = 1; i < points; i++) {
      indices[i] = text.offsetByCodePoints(indices[i - 1], 1);
    }
  }

  /** The {@code char} index of a code point, from 0 to their number. */
  int of(int codePoint) {
    return indices == null
        ? Math.min(codePoint, length)
        : indices[Math.min(codePoint, indices.length - 1)];
  }
}
