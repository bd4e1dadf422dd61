package io.github.peft4j.metrics.text;

import io.github.peft4j.metrics.Inputs;
import java.util.List;

/** Checks and counts of reference texts. */
final class References {

  private References() {}

  /** Checks that there is a prediction for each list of references, and a reference in each. */
  static void check(String what, List<List<String>> references, List<String> predictions) {
    Inputs.sameLength("rows of " + what, references.size(), "predictions", predictions.size());
    for (int i = 0; i < references.size(); i++) {
      if (references.get(i).isEmpty()) {
        throw new IllegalArgumentException(
            "row %d has no %s, expected one at least".formatted(i, what));
      }
    }
  }

  /** How many references each prediction has, as sacrebleu's signatures say it. */
  static String number(List<List<String>> references) {
    int first = references.get(0).size();
    return references.stream().allMatch(list -> list.size() == first)
        ? String.valueOf(first)
        : "var";
  }
}
