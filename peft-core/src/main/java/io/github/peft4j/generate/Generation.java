package io.github.peft4j.generate;

import java.time.Duration;

/**
 * A generated text.
 *
 * @param text the new text, without the prompt, special tokens, stop token and stop string
 * @param ids the new tokens, including those of a stop token or stop string
 * @param finishReason why the generation ended
 * @param promptTokens number of tokens in the prompt, special tokens included
 * @param time duration from the start of the prompt's forward pass to the last token; for a batch,
 *     that of the whole batch
 */
public record Generation(
    String text, long[] ids, FinishReason finishReason, int promptTokens, Duration time) {

  /** The number of new tokens, including those of a stop token or stop string. */
  public int newTokens() {
    return ids.length;
  }

  /** New tokens a second, with the time for the prompt included. */
  public double tokensPerSecond() {
    return ids.length / Math.max(1e-9, time.toNanos() / 1e9);
  }

  @Override
  public String toString() {
    return "%s%n[%d + %d tokens, %s, %.0f tokens/s]"
        .formatted(text, promptTokens, newTokens(), finishReason, tokensPerSecond());
  }
}
