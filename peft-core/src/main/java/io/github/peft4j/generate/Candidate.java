package io.github.peft4j.generate;

import io.github.peft4j.generate.logits.Draft;
import org.jspecify.annotations.Nullable;

/**
 * A text in a beam search.
 *
 * @param draft the text
 * @param beam the beam that it continues
 * @param score the sum of its tokens' log-probabilities; of a finished text, divided by
 *     length^lengthPenalty
 * @param reason why it is finished, or null if it is not
 */
record Candidate(Draft draft, int beam, float score, @Nullable FinishReason reason) {

  boolean isFinished() {
    return reason != null;
  }

  FinishReason endedBy() {
    if (reason == null) {
      throw new IllegalStateException("the text is still being written");
    }
    return reason;
  }

  Candidate withScore(float other) {
    return new Candidate(draft, beam, other, reason);
  }
}
