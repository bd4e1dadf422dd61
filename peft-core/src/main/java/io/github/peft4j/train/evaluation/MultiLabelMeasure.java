package io.github.peft4j.train.evaluation;

import io.github.peft4j.metrics.MultiLabel;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;

/**
 * F1 and accuracy of several labels at once. A label is predicted if its probability is above 0.5;
 * a text is right if all its labels are.
 */
record MultiLabelMeasure() implements Measure {

  private static final String MICRO_F1 = "micro_f1";

  @Override
  public List<String> names() {
    return List.of(MICRO_F1, Metrics.MACRO_F1, Metrics.ACCURACY);
  }

  @Override
  public Map<String, Double> of(Evaluation evaluation) {
    List<Prediction> all = evaluation.predictions();
    MultiLabel scores =
        MultiLabel.of(
            all.stream().map(MultiLabelMeasure::applies).toArray(boolean[][]::new),
            all.stream().map(MultiLabelMeasure::predicted).toArray(boolean[][]::new));
    Map<String, Double> values = new LinkedHashMap<>();
    values.put(MICRO_F1, scores.micro().f1());
    values.put(Metrics.MACRO_F1, scores.macro().f1());
    values.put(Metrics.ACCURACY, scores.subsetAccuracy());
    return values;
  }

  private static boolean[] applies(Prediction prediction) {
    double[] values = prediction.encoded().values();
    boolean[] applies = new boolean[values.length];
    for (int i = 0; i < applies.length; i++) {
      applies[i] = values[i] > 0.5;
    }
    return applies;
  }

  private static boolean[] predicted(Prediction prediction) {
    float[] logits = prediction.logits()[0];
    boolean[] predicted = new boolean[logits.length];
    for (int i = 0; i < predicted.length; i++) {
      predicted[i] = logits[i] > 0; // a probability above 0.5
    }
    return predicted;
  }
}
