package io.github.peft4j.train.evaluation;

import io.github.peft4j.data.batch.EncodedExample;
import io.github.peft4j.metrics.Classification;
import io.github.peft4j.metrics.entity.EntityMetrics;
import io.github.peft4j.metrics.entity.Tags;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;

/**
 * F1, precision and recall of entities, and the accuracy of tags, as transformers' run_ner.py
 * computes them with seqeval: of the tokens that have a label, row by row. Labels that are no tags
 * of entities, such as parts of speech, only have an accuracy. Without any label all are NaN.
 *
 * @param labels the tags, by id
 */
record EntityMeasure(List<String> labels) implements Measure {

  private static final String F1 = "f1";
  private static final String PRECISION = "precision";
  private static final String RECALL = "recall";

  @Override
  public List<String> names() {
    return areEntities()
        ? List.of(F1, PRECISION, RECALL, Metrics.ACCURACY)
        : List.of(Metrics.ACCURACY);
  }

  private boolean areEntities() {
    return labels.stream().allMatch(Tags::isTag);
  }

  @Override
  public Map<String, Double> of(Evaluation evaluation) {
    List<List<String>> right = new ArrayList<>();
    List<List<String>> predicted = new ArrayList<>();
    for (Prediction prediction : evaluation.predictions()) {
      List<String> tags = new ArrayList<>();
      List<String> found = new ArrayList<>();
      long[] of = prediction.encoded().labels();
      for (int i = 0; i < of.length; i++) {
        if (of[i] != EncodedExample.IGNORED) {
          tags.add(labels.get((int) of[i]));
          found.add(labels.get(prediction.best(i)));
        }
      }
      right.add(tags);
      predicted.add(found);
    }
    Map<String, Double> values = new LinkedHashMap<>();
    names().forEach(name -> values.put(name, Double.NaN));
    if (right.stream().allMatch(List::isEmpty)) {
      return values;
    }
    if (areEntities()) {
      EntityMetrics metrics = EntityMetrics.of(right, predicted);
      values.put(F1, metrics.micro().f1());
      values.put(PRECISION, metrics.micro().precision());
      values.put(RECALL, metrics.micro().recall());
      values.put(Metrics.ACCURACY, metrics.accuracy());
    } else {
      values.put(
          Metrics.ACCURACY,
          Classification.of(ids(right), ids(predicted), labels.size()).accuracy());
    }
    return values;
  }

  private int[] ids(List<List<String>> tags) {
    return tags.stream().flatMap(List::stream).mapToInt(labels::indexOf).toArray();
  }
}
