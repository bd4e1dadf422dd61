package io.github.peft4j.train.pet;

import java.nio.file.Path;
import java.util.Locale;

/**
 * A trained pattern model of a {@link Pet} run.
 *
 * @param name such as {@code g0-p1-i2}: generation, pattern and repetition, from 0
 * @param generation from 0
 * @param pattern its pattern
 * @param trainingTexts the number of different examples that it was trained on
 * @param accuracyBefore on the labelled examples before training, 0 to 1
 * @param accuracyAfter on the labelled examples after training, 0 to 1
 * @param adapter the folder of its adapter
 */
public record PetMember(
    String name,
    int generation,
    Pattern pattern,
    int trainingTexts,
    double accuracyBefore,
    double accuracyAfter,
    Path adapter) {

  @Override
  public String toString() {
    return String.format(
        Locale.ROOT,
        "%s '%s': %,d training texts, accuracy %.4f before, %.4f after",
        name,
        pattern,
        trainingTexts,
        accuracyBefore,
        accuracyAfter);
  }
}
