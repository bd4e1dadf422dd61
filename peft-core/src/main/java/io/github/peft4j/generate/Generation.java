package io.github.peft4j.generate;

import java.time.Duration;

/**
 * What a model wrote.
 *
 * @param text the new text, without the prompt, special tokens, the stop token and the stop string
 * @param ids the new tokens, those of a stop included
 * @param finishReason why there are no more
 * @param promptTokens number of tokens of the prompt, those that the tokenizer adds included
 * @param time from the first token's work to the last one's; of a batch, the whole batch's
 */
public record Generation(
    String text, long[] ids, FinishReason finishReason, int promptTokens, Duration time) {

  /** The number of new tokens, that of a stop included. */
  public int newTokens() {
    return ids.length;
  }

  /** New tokens a second, the prompt's work included. */
  public double tokensPerSecond() {
    return ids.length / Math.max(1e-9, time.toNanos() / 1e9);
  }

  @Override
  public String toString() {
    return "%s%n[%d + %d tokens, %s, %.0f tokens/s]"
        .formatted(text, promptTokens, newTokens(), finishReason, tokensPerSecond());
  }
}
