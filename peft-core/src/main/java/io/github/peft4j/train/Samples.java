package io.github.peft4j.train;

import io.github.peft4j.TextModel;
import io.github.peft4j.data.ClassificationExample;
import io.github.peft4j.data.Dataset;
import io.github.peft4j.data.Example;
import io.github.peft4j.data.Examples;
import io.github.peft4j.data.PromptExample;
import io.github.peft4j.data.TextPair;
import io.github.peft4j.train.report.Sample;
import java.util.ArrayList;
import java.util.List;

/** Predictions for some examples of a data set, to look at in a report. */
public final class Samples {

  private Samples() {}

  /**
   * Predicts some examples, which lie at equal distances in the data. Texts and pairs of texts with
   * a class are classified. Prompts are answered with the model's settings of generation.
   *
   * @param count the number of examples, or all if there are fewer
   * @throws IllegalArgumentException if the examples have no answer, as plain texts
   */
  public static List<Sample> of(TextModel model, Examples<?> examples, int count) {
    Dataset<? extends Example> all = examples.dataset();
    int chosen = Math.min(count, all.size());
    List<Sample> samples = new ArrayList<>();
    for (int i = 0; i < chosen; i++) {
      samples.add(sample(model, all.get((int) ((long) i * all.size() / chosen))));
    }
    return samples;
  }

  private static Sample sample(TextModel model, Example example) {
    if (example instanceof PromptExample prompt) {
      return new Sample(prompt.prompt(), prompt.answer(), model.generate(prompt.prompt()));
    }
    if (example instanceof ClassificationExample row) {
      String pair = row.pair();
      String predicted =
          (pair == null
                  ? model.classify(row.text())
                  : model.classify(new TextPair(row.text(), pair)))
              .best()
              .getClassName();
      String input = pair == null ? row.text() : row.text() + "\n" + pair;
      return new Sample(input, row.label(), predicted);
    }
    throw new IllegalArgumentException(
        "no sample predictions of "
            + example.getClass().getSimpleName()
            + ": it has neither a class nor an answer; make Sample records of your own");
  }
}
