package io.github.peft4j.train.pet;

import io.github.peft4j.data.tokenizer.Tokenizer;
import java.util.Arrays;

/** Parts of a pattern as ids, without special tokens; each is the beginning of a word. */
final class Words {

  private final Tokenizer tokenizer;
  private final boolean blank;

  Words(Tokenizer tokenizer) {
    this.tokenizer = tokenizer;
    this.blank = !beginsWord(tokenizer.encode("a", false), tokenizer.encode("b a", false));
  }

  /**
   * Whether a word has the same tokens at the beginning of a text and behind a blank. Byte-level
   * vocabularies have others; the authors' code sets add_prefix_space for them.
   */
  private static boolean beginsWord(long[] word, long[] behindBlank) {
    int from = Math.max(0, behindBlank.length - word.length);
    return Arrays.equals(Arrays.copyOfRange(behindBlank, from, behindBlank.length), word);
  }

  Tokenizer tokenizer() {
    return tokenizer;
  }

  long[] encode(String part) {
    String stripped = part.strip();
    return tokenizer.encode(blank ? " " + stripped : stripped, false);
  }
}
