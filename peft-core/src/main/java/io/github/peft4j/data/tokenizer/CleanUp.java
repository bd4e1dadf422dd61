package io.github.peft4j.data.tokenizer;

/** Spaces before punctuation and English contractions, which some tokenizers leave in a text. */
final class CleanUp {

  private CleanUp() {}

  /** The text without them: {@code clean_up_tokenization} of transformers. */
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
