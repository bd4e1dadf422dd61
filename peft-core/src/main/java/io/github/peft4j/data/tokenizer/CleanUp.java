package io.github.peft4j.data.tokenizer;

/** Removes spaces that some tokenizers leave before punctuation and English contractions. */
final class CleanUp {

  private CleanUp() {}

  /** The text without these spaces: {@code clean_up_tokenization} of transformers. */
  static String of(String text) {
    return text.replace(" .", ".")
        .replace(" ?", "?")
        .replace(" !", "!")
        .replace(" ,", ",")
        .replace(" ' ", "'")
        .replace(" n't", "n't")
        .replace(" 'm", "'m")
        .replace(" 's", "'s")
        .replace(" 've", "'ve")
        .replace(" 're", "'re");
  }
}
