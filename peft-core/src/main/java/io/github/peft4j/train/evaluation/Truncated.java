package io.github.peft4j.train.evaluation;

import io.github.peft4j.data.batch.EncodedDataset;
import io.github.peft4j.train.FineTuner;

/**
 * Counts of the examples of a data set that were too long.
 *
 * @param examples number of examples in the data set
 * @param cut number of examples that lost tokens
 * @param leftOut number of examples that were left out, see {@link FineTuner#skipTooLong}
 * @param longest number of tokens of the longest example, before it was cut or left out
 * @param maxLength the most tokens of an example, without virtual tokens of adapters
 */
public record Truncated(int examples, int cut, int leftOut, int longest, int maxLength) {

  public static Truncated of(EncodedDataset data, int maxLength) {
    int leftOut = data.leftOut().positions().size();
    int longest = Math.max(data.longest(), data.leftOut().longest());
    return new Truncated(data.size() + leftOut, data.cutExamples(), leftOut, longest, maxLength);
  }

  /** Counts for a data set without examples. */
  public static Truncated none(int maxLength) {
    return new Truncated(0, 0, 0, 0, maxLength);
  }

  /** Counts for both data sets. */
  public Truncated and(Truncated other) {
    return new Truncated(
        examples + other.examples,
        cut + other.cut,
        leftOut + other.leftOut,
        Math.max(longest, other.longest),
        maxLength);
  }

  /** Whether no example was cut or left out. */
  public boolean isNone() {
    return cut == 0 && leftOut == 0;
  }

  /**
   * One sentence for the user.
   *
   * @param most the most tokens that the model can read
   */
  public String warning(String data, long most) {
    return "%s data: %s of %,d examples; the longest has %,d tokens, maxLength is %,d. %s"
        .formatted(
            data,
            (cut > 0 ? "%,d were cut".formatted(cut) : "")
                + (cut > 0 && leftOut > 0 ? " and " : "")
                + (leftOut > 0 ? "%,d were left out".formatted(leftOut) : ""),
            examples,
            longest,
            maxLength,
            longest <= most
                ? "To keep all, raise maxLength to %d".formatted(longest)
                : "The model reads %,d at most: to keep all, split the texts".formatted(most));
  }

  @Override
  public String toString() {
    return isNone()
        ? "every example is whole"
        : "%,d of %,d examples were cut, %,d left out; the longest has %,d tokens, maxLength is %,d"
            .formatted(cut, examples, leftOut, longest, maxLength);
  }
}
