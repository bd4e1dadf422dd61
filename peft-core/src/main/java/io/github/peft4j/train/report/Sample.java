package io.github.peft4j.train.report;

/**
 * A prediction to look at.
 *
 * @param input what the model was given
 * @param expected the right answer; empty if nobody knows it
 * @param predicted the model's answer
 * @param differs whether the answer is wrong. Where there is no single right answer, as in a chat,
 *     it is false
 */
public record Sample(MarkedText input, MarkedText expected, MarkedText predicted, boolean differs) {

  /** A prediction that is wrong unless it is the right answer, if that is known. */
  public Sample(String input, String expected, String predicted) {
    this(
        input,
        expected,
        predicted,
        !expected.isEmpty() && !expected.strip().equals(predicted.strip()));
  }

  /** A prediction without marks. */
  public Sample(String input, String expected, String predicted, boolean differs) {
    this(MarkedText.of(input), MarkedText.of(expected), MarkedText.of(predicted), differs);
  }
}
