package io.github.peft4j.train.evaluation;

import io.github.peft4j.metrics.Classification;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;

/**
 * Accuracy and macro F1 of one class for each text.
 *
 * @param classes the number of classes
 */
record ClassMeasure(int classes) implements Measure {

  @Override
  public List<String> names() {
    return List.of(Metrics.ACCURACY, Metrics.MACRO_F1);
  }

  @Override
  public Map<String, Double> of(Evaluation evaluation) {
    List<Prediction> all = evaluation.predictions();
    Classification scores =
        Classification.of(
            all.stream().mapToInt(prediction -> (int) prediction.encoded().labels()[0]).toArray(),
            all.stream().mapToInt(prediction -> prediction.best(0)).toArray(),
            classes);
    Map<String, Double> values = new LinkedHashMap<>();
    values.put(Metrics.ACCURACY, scores.accuracy());
    values.put(Metrics.MACRO_F1, scores.macro().f1());
    return values;
  }
}
