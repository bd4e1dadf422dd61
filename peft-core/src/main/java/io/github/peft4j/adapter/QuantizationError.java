package io.github.peft4j.adapter;

import java.util.Locale;

/**
 * What matrices lost when they were quantised again: relative errors ‖W − Q‖ / ‖W‖ in Frobenius'
 * norm, where Q is kept in place of W.
 *
 * @param matrices how many
 * @param relative the error of all together
 * @param largest the largest of one matrix
 * @param largestAt the name of that matrix
 */
public record QuantizationError(int matrices, double relative, double largest, String largestAt) {

  /** Returns, for example, {@code 224 matrices, error 8.2 %, at most 9.1 % in …q_proj.weight}. */
  @Override
  public String toString() {
    return matrices == 0
        ? "0 matrices"
        : String.format(
            Locale.ROOT,
            "%d matrices, error %.2g %%, at most %.2g %% in %s",
            matrices,
            100 * relative,
            100 * largest,
            largestAt);
  }
}
