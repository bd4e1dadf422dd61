package io.github.peft4j.train.objective;

import io.github.peft4j.data.batch.EncodedDataset;
import io.github.peft4j.data.batch.EncodedExample;
import io.github.peft4j.transformer.config.Task;
import java.util.Arrays;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.Set;
import java.util.stream.IntStream;

/** Weights of a model's classes in the loss. */
@FunctionalInterface
public interface ClassWeights {

  /** n / (k n_c), as scikit-learn computes {@code balanced}. */
  ClassWeights BALANCED = (labels, data) -> balanced(labels, data);

  /**
   * The weights in the order of the classes.
   *
   * @param data the training data
   */
  List<Double> of(List<String> labels, EncodedDataset data);

  /**
   * The weights for a model's task.
   *
   * @throws IllegalArgumentException if the task has no classes
   */
  default List<Double> of(Task task, EncodedDataset data) {
    if (task.type() != Task.Type.SEQ_CLS && task.type() != Task.Type.TOKEN_CLS) {
      throw new IllegalArgumentException(
          "class weights are for models that classify texts or tokens; this one is for "
              + task.type());
    }
    return of(task.labels(), data);
  }

  /** One weight for each class. */
  static ClassWeights inOrder(List<Double> weights) {
    return (labels, data) -> {
      if (weights.size() != labels.size()) {
        throw new IllegalArgumentException(
            "the class weights are %d numbers, but the model has %d classes: %s"
                .formatted(weights.size(), labels.size(), labels));
      }
      return weights;
    };
  }

  /** A weight for each class by its name. */
  static ClassWeights byName(Map<String, Double> weights) {
    Map<String, Double> named = Map.copyOf(weights);
    return (labels, data) -> {
      if (!named.keySet().equals(Set.copyOf(labels))) {
        throw new IllegalArgumentException(
            "the class weights name %s, but the model's classes are %s; name each of them"
                .formatted(named.keySet().stream().sorted().toList(), labels));
      }
      return labels.stream().map(label -> Objects.requireNonNull(named.get(label))).toList();
    };
  }

  private static List<Double> balanced(List<String> labels, EncodedDataset data) {
    long[] counts = new long[labels.size()];
    data.examples().stream()
        .flatMapToLong(example -> Arrays.stream(example.labels()))
        .filter(label -> label != EncodedExample.IGNORED)
        .forEach(label -> counts[(int) label]++);
    List<String> without =
        IntStream.range(0, counts.length)
            .filter(c -> counts[c] == 0)
            .mapToObj(labels::get)
            .toList();
    if (!without.isEmpty()) {
      throw new IllegalArgumentException(
          "no training example has a label of %s, so that their classes have no balanced weight; give their weights yourself"
              .formatted(without));
    }
    double each = (double) Arrays.stream(counts).sum() / counts.length;
    return Arrays.stream(counts).mapToObj(count -> each / count).toList();
  }
}
