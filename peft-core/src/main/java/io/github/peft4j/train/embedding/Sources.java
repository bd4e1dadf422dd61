package io.github.peft4j.train.embedding;

import io.github.peft4j.data.Example;
import io.github.peft4j.train.evaluation.Measure;
import io.github.peft4j.train.evaluation.Measure.Evaluation;
import java.util.ArrayList;
import java.util.List;

/** What measures of vectors need of an evaluation. */
final class Sources {

  private Sources() {}

  /**
   * The examples of an evaluation.
   *
   * @throws IllegalArgumentException if they are of another kind
   */
  static <E extends Example> List<E> of(Class<E> kind, Evaluation evaluation, Measure measure) {
    List<E> examples = new ArrayList<>();
    for (int i = 0; i < evaluation.examples().size(); i++) {
      Example example = evaluation.examples().get(i);
      if (!kind.isInstance(example)) {
        throw new IllegalArgumentException(
            "%s needs each example of the validation to be a %s; example %d is a %s"
                .formatted(measure, kind.getSimpleName(), i, example.getClass().getSimpleName()));
      }
      examples.add(kind.cast(example));
    }
    return examples;
  }

  static List<float[]> vectors(Evaluation evaluation, List<String> texts) {
    return List.of(evaluation.model().embed(texts));
  }
}
