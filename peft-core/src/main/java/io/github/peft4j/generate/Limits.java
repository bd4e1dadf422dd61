package io.github.peft4j.generate;

import io.github.peft4j.advice.AdvisedException;
import io.github.peft4j.advice.Remedy;
import io.github.peft4j.generate.logits.Draft;

/** The most new tokens of a text. */
final class Limits {

  private static final int DEFAULT = 256;

  private final int maxNewTokens;
  private final int maxLength;

  Limits(GenerationConfig config) {
    this.maxNewTokens = config.get(Setting.MAX_NEW_TOKENS);
    this.maxLength = config.get(Setting.MAX_LENGTH);
  }

  /**
   * The most new tokens of a text: {@code max_new_tokens} if there is one, or {@code max_length}
   * less what the decoder begins with.
   */
  int maxNewTokens(Draft draft) {
    if (maxNewTokens > 0) {
      return maxNewTokens;
    }
    return maxLength > 0 ? maxLength - (draft.length() - draft.newTokens()) : DEFAULT;
  }

  /** Whether the next token is the last one. */
  boolean isLast(Draft draft) {
    return draft.newTokens() == maxNewTokens(draft) - 1;
  }

  /**
   * Checks that a text can have a new token.
   *
   * @throws IllegalArgumentException if max_length does not allow one
   */
  void require(Draft begun) {
    if (maxNewTokens(begun) < 1) {
      throw new AdvisedException(
          "the prompt has %d tokens, but max_length in the model's generation_config.json is %d"
              .formatted(begun.length(), maxLength),
          Remedy.ALLOW_NEW_TOKENS.with("Set maxNewTokens(…), or shorten the prompt"));
    }
  }
}
