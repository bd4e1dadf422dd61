package io.github.peft4j.train.evaluation;

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
    ConfusionMatrix confusion = new ConfusionMatrix(classes);
    for (Prediction prediction : evaluation.predictions()) {
      confusion.add((int) prediction.encoded().labels()[0], prediction.best(0));
    }
    Map<String, Double> values = new LinkedHashMap<>();
    values.put(Metrics.ACCURACY, confusion.accuracy());
    values.put(Metrics.MACRO_F1, confusion.macroF1());
    return values;
  }
}
