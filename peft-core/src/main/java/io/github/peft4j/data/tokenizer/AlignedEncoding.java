package io.github.peft4j.data.tokenizer;

import io.github.peft4j.data.tokenizer.Tokenizer.Encoding;

/**
 * The ids of texts, and the place of each token in them. The arrays have an element for each token;
 * do not change them.
 *
 * @param encoding the ids
 * @param tokens the tokens as the vocabulary writes them, such as {@code ##ing}
 * @param words the word of each token, from 0; -1 for special tokens. Words are those of a list of
 *     words, or else what the tokenizer cuts a text into first
 * @param starts where a token begins: a {@code char} index into its text, or into its word of a
 *     list of words; 0 for special tokens
 * @param ends where a token ends, exclusive
 */
@SuppressWarnings("ArrayRecordComponent") // The arrays are read once; nobody compares them.
public record AlignedEncoding(
    Encoding encoding, String[] tokens, int[] words, int[] starts, int[] ends) {

  /** The number of tokens. */
  public int length() {
    return tokens.length;
  }

  /** Whether a token is one that the model expects around texts. */
  public boolean isSpecial(int token) {
    return encoding.specialTokenMask()[token] != 0;
  }

  /**
   * Whether a token belongs to a text.
   *
   * @param text 0 for the first text or a list of words, 1 for the second text
   */
  public boolean isOf(int token, int text) {
    return !isSpecial(token) && encoding.sequenceIds()[token] == text;
  }
}
