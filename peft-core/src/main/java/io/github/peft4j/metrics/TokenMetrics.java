package io.github.peft4j.metrics;

import java.util.Arrays;

/** Metrics of predicted tokens. */
public final class TokenMetrics {

  /** The label of a token that does not count, as in Hugging Face transformers. */
  public static final long IGNORED = -100;

  private TokenMetrics() {}

  /**
   * The fraction of tokens that were predicted.
   *
   * @param labels the right tokens; {@link #IGNORED} where it does not count
   * @param predictions the predicted tokens
   * @return the accuracy, from 0 to 1
   * @throws IllegalArgumentException if no token counts, or if there are not as many labels as
   *     predictions
   */
  public static double accuracy(long[] labels, long[] predictions) {
    Inputs.sameLength("labels", labels.length, "predictions", predictions.length);
    int right = 0;
    int all = 0;
    for (int i = 0; i < labels.length; i++) {
      if (labels[i] != IGNORED) {
        all++;
        right += labels[i] == predictions[i] ? 1 : 0;
      }
    }
    return (double) right / Inputs.notEmpty("labels that are not " + IGNORED, all);
  }

  /**
   * The exponential of the mean loss.
   *
   * @param losses the cross entropy of each token, in nats
   * @return the perplexity, from 1 on; infinite if it is beyond double
   * @throws IllegalArgumentException if there are no losses, or if one is negative or not a number
   */
  public static double perplexity(double[] losses) {
    Inputs.notEmpty("losses", losses.length);
    for (double loss : Inputs.finite("losses", losses)) {
      if (loss < 0) {
        throw new IllegalArgumentException("loss " + loss + ", expected 0 or more");
      }
    }
    return Math.exp(Arrays.stream(losses).average().orElseThrow());
  }
}
