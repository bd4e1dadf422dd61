package io.github.peft4j.train.evaluation;

import io.github.peft4j.data.QuestionExample;
import io.github.peft4j.data.batch.QuestionWindow;
import io.github.peft4j.metrics.text.Squad;
import io.github.peft4j.metrics.text.SquadV2;
import io.github.peft4j.translate.Answer;
import io.github.peft4j.translate.AnswerSearch;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.OptionalDouble;

/**
 * SQuAD's exact match and F1, in percent. If a question of the data has no answer, they are those
 * of SQuAD 2, and the model may answer that there is none.
 */
record AnswerMeasure() implements Measure {

  private static final String F1 = "f1";
  private static final String EXACT = "exact_match";

  @Override
  public List<String> names() {
    return List.of(F1, EXACT);
  }

  /** A question with the logits of its windows. */
  private record Asked(
      QuestionExample question, List<QuestionWindow> windows, List<float[][]> logits) {

    boolean goesOnWith(QuestionExample next, QuestionWindow window) {
      return question.equals(next) && begin(window) > begin(windows.get(windows.size() - 1));
    }

    /** Where the window's part of the text begins; -1 if the text has no tokens. */
    private static int begin(QuestionWindow window) {
      return Arrays.stream(window.starts()).filter(start -> start >= 0).findFirst().orElse(-1);
    }
  }

  @Override
  public Map<String, Double> of(Evaluation evaluation) {
    List<Asked> asked = asked(evaluation.predictions());
    boolean all = asked.stream().noneMatch(each -> each.question().answers().isEmpty());
    AnswerSearch usual = AnswerSearch.DEFAULT;
    AnswerSearch search =
        all ? usual : new AnswerSearch(usual.nBest(), usual.maxTokens(), OptionalDouble.of(0));
    List<List<String>> right = new ArrayList<>();
    List<String> predicted = new ArrayList<>();
    for (Asked each : asked) {
      List<Answer> best = search.best(each.question().context(), each.windows(), each.logits());
      right.add(each.question().answers().stream().map(QuestionExample.Answer::text).toList());
      predicted.add(best.isEmpty() ? "" : best.get(0).text());
    }
    Map<String, Double> values = new LinkedHashMap<>();
    if (all) {
      Squad metrics = Squad.of(right, predicted);
      values.put(F1, metrics.f1());
      values.put(EXACT, metrics.exactMatch());
    } else {
      Map<String, Double> metrics = SquadV2.of(right, predicted).values();
      values.put(F1, metrics.getOrDefault(F1, Double.NaN));
      values.put(EXACT, metrics.getOrDefault("exact", Double.NaN));
    }
    return values;
  }

  /**
   * Windows that follow each other are those of one question if the question is the same and each
   * begins later in the text than the one before. The data may give a new object each time, or have
   * a question twice.
   */
  private static List<Asked> asked(List<Prediction> predictions) {
    List<Asked> asked = new ArrayList<>();
    for (Prediction prediction : predictions) {
      if (!(prediction.example() instanceof QuestionExample question)) {
        throw new IllegalArgumentException(
            "answers are measured on QuestionExamples, not on " + prediction.example());
      }
      Asked last = asked.isEmpty() ? null : asked.get(asked.size() - 1);
      QuestionWindow window = QuestionWindow.of(prediction.encoded());
      if (last == null || !last.goesOnWith(question, window)) {
        last = new Asked(question, new ArrayList<>(), new ArrayList<>());
        asked.add(last);
      }
      last.windows().add(window);
      last.logits().add(prediction.logits());
    }
    return asked;
  }
}
