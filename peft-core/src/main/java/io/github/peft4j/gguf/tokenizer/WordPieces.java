package io.github.peft4j.gguf.tokenizer;

/**
 * How BERT's tokens are spelt. At Hugging Face a token that continues a word begins with {@code
 * ##}. In a GGUF file a token that begins a word begins with U+2581, as SentencePiece's do.
 */
final class WordPieces {

  static final String CONTINUED = "##";

  /** Begins the keys of how texts are normalised. */
  static final String NORMALIZER = "tokenizer.ggml.normalizer.";

  /** The name that llama.cpp's converter gives the cut of BERT's vocabulary; nothing reads it. */
  static final String PRE = "bert-bge";

  private static final String BEGINNING = "\u2581";

  private WordPieces() {}

  static String stored(String token) {
    return token.startsWith(CONTINUED) ? token.substring(CONTINUED.length()) : BEGINNING + token;
  }

  static String original(String stored) {
    return stored.startsWith(BEGINNING) ? stored.substring(BEGINNING.length()) : CONTINUED + stored;
  }
}
