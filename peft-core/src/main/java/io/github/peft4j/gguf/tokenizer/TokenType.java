package io.github.peft4j.gguf.tokenizer;

/** What a token of a GGUF file's vocabulary is: {@code tokenizer.ggml.token_type}. */
final class TokenType {

  static final int NORMAL = 1;
  static final int UNKNOWN = 2;

  /** A special token. */
  static final int CONTROL = 3;

  /** A token that is found in a text before the others. */
  static final int USER_DEFINED = 4;

  static final int UNUSED = 5;

  /** A byte of a character that is no token. */
  static final int BYTE = 6;

  /** Whether there is such a type. */
  static boolean isKnown(long type) {
    return type >= NORMAL && type <= BYTE;
  }

  private TokenType() {}

  /** The text of an id that no token has. */
  static String placeholder(int id) {
    return "[PAD" + id + "]";
  }
}
