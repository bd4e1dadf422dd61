package io.github.peft4j.cli;

import io.github.peft4j.chat.TrainOn;
import io.github.peft4j.data.batch.Masking;
import io.github.peft4j.train.FineTuner;
import io.github.peft4j.train.evaluation.EncodingSettings;
import java.util.OptionalInt;
import org.jspecify.annotations.Nullable;
import picocli.CommandLine.Option;

/** How examples become tokens and labels. */
final class ReadingOptions {

  @Option(
      names = "--train-on",
      paramLabel = "PART",
      description =
          "What is learnt of a conversation: assistant-turns (the default), last-turn or all.")
  @Nullable TrainOn trainOn;

  @Option(
      names = "--max-length",
      paramLabel = "N",
      description = "The most tokens of an example; by default the model's, at most 512.")
  @Nullable Integer maxLength;

  @Option(
      names = "--skip-too-long",
      description = "Leaves out examples whose answers are too long. By default they are an error.")
  boolean skipTooLong;

  @Option(
      names = "--stride",
      paramLabel = "N",
      description = "For tokens and questions: how many tokens windows of long texts share.")
  @Nullable Integer stride;

  @Option(
      names = "--label-all-tokens",
      description = "For tokens: all tokens of a word learn its tag, not only the first.")
  boolean labelAllTokens;

  @Option(
      names = "--masking",
      paramLabel = "X",
      description = "For masked: the part of the tokens to find; 0.15 by default.")
  @Nullable Double masking;

  void configure(FineTuner tuner) {
    Mistakes.set("--train-on", trainOn, tuner::trainOn);
    Mistakes.set("--max-length", maxLength, tuner::maxLength);
    Mistakes.set("--stride", stride, tuner::stride);
    Mistakes.set("--masking", masking, part -> tuner.masking(Masking.DEFAULT.probability(part)));
    if (skipTooLong) {
      tuner.skipTooLong();
    }
    if (labelAllTokens) {
      Mistakes.set("--label-all-tokens", true, tuner::labelAllTokens);
    }
  }

  /**
   * The same for an evaluation.
   *
   * @param positions of the model
   */
  EncodingSettings settings(long positions) {
    int length = maxLength != null ? maxLength : (int) Math.min(512, positions);
    if (length < 1 || length > positions) {
      throw new IllegalArgumentException(
          "--max-length is %d, expected 1 to %d, the model's positions"
              .formatted(length, positions));
    }
    if (stride != null && stride < 0) {
      throw new IllegalArgumentException("--stride is " + stride + ", expected 0 or more");
    }
    return new EncodingSettings(
        length,
        skipTooLong,
        stride == null ? OptionalInt.empty() : OptionalInt.of(stride),
        labelAllTokens,
        Mistakes.at(
            "--masking",
            () -> masking == null ? Masking.DEFAULT : Masking.DEFAULT.probability(masking)),
        trainOn == null ? TrainOn.ASSISTANT_TURNS : trainOn,
        0);
  }

  /** What the library says in its own words. */
  void check(DataTask task) {
    Mistakes.isFor("--train-on", trainOn != null, task, DataTask.CHAT);
    Mistakes.isFor("--stride", stride != null, task, DataTask.TOKENS, DataTask.QUESTIONS);
    Mistakes.isFor("--label-all-tokens", labelAllTokens, task, DataTask.TOKENS);
    Mistakes.isFor("--masking", masking != null, task, DataTask.MASKED);
  }
}
