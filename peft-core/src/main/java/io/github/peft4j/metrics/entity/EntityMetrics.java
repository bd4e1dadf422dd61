package io.github.peft4j.metrics.entity;

import io.github.peft4j.metrics.Inputs;
import io.github.peft4j.metrics.PrecisionRecall;
import io.github.peft4j.metrics.Report;
import io.github.peft4j.metrics.ZeroDivision;
import java.util.ArrayList;
import java.util.Collections;
import java.util.HashSet;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.SortedMap;
import java.util.TreeMap;
import java.util.function.Function;

/**
 * Metrics of entities, as seqeval computes them. An entity is right if its type, its first and its
 * last word are.
 *
 * @param byType precision, recall and F1 of each type that is there or was predicted, by name
 * @param micro of all entities together
 * @param macro the mean over types; NaN if there are none
 * @param weighted the mean over types, weighted by how often they are there
 * @param accuracy the fraction of tags that are right, entities or not, from 0 to 1
 */
public record EntityMetrics(
    SortedMap<String, PrecisionRecall> byType,
    PrecisionRecall micro,
    PrecisionRecall macro,
    PrecisionRecall weighted,
    double accuracy)
    implements Report {

  /**
   * Metrics of tags as CoNLL's script reads them ({@link Tags}), seqeval's default. A fraction
   * whose denominator is 0 is 0.
   *
   * @param labels the right tags of each row
   * @param predictions the predicted tags of each row
   * @return the metrics
   * @throws IllegalArgumentException if there are no rows or no tags, if their numbers differ, or
   *     if a tag is none
   */
  public static EntityMetrics of(List<List<String>> labels, List<List<String>> predictions) {
    return of(labels, predictions, Tags::entities, ZeroDivision.ZERO);
  }

  /**
   * Metrics of tags of a scheme, read strictly. A fraction whose denominator is 0 is 0.
   *
   * @param labels the right tags of each row
   * @param predictions the predicted tags of each row
   * @param scheme the scheme
   * @return the metrics
   * @throws IllegalArgumentException if there are no rows or no tags, if their numbers differ, or
   *     if a tag is not of the scheme
   */
  public static EntityMetrics of(
      List<List<String>> labels, List<List<String>> predictions, TagScheme scheme) {
    return of(labels, predictions, scheme::entities, ZeroDivision.ZERO);
  }

  /**
   * Metrics of tags.
   *
   * @param labels the right tags of each row
   * @param predictions the predicted tags of each row
   * @param decoder makes entities of a row's tags
   * @param zeroDivision what a fraction is whose denominator is 0: 0 or 1
   * @return the metrics
   * @throws IllegalArgumentException if there are no rows or no tags, if their numbers differ, or
   *     if the decoder refuses a tag
   */
  public static EntityMetrics of(
      List<List<String>> labels,
      List<List<String>> predictions,
      Function<List<String>, List<Entity>> decoder,
      ZeroDivision zeroDivision) {
    Inputs.sameLengths("labels", labels, "predictions", predictions);
    int tags = Inputs.notEmpty("tags", labels.stream().mapToInt(List::size).sum());
    SortedMap<String, Counts> counts = new TreeMap<>();
    int right = 0;
    for (int row = 0; row < labels.size(); row++) {
      Set<Entity> occurred = entities(labels.get(row), decoder, "labels", row);
      Set<Entity> predicted = entities(predictions.get(row), decoder, "predictions", row);
      occurred.forEach(entity -> of(counts, entity).occurred++);
      predicted.forEach(entity -> of(counts, entity).predicted++);
      predicted.stream().filter(occurred::contains).forEach(e -> of(counts, e).right++);
      right += equal(labels.get(row), predictions.get(row));
    }
    return of(counts, zeroDivision, (double) right / tags);
  }

  private static EntityMetrics of(
      SortedMap<String, Counts> counts, ZeroDivision zeroDivision, double accuracy) {
    SortedMap<String, PrecisionRecall> byType = new TreeMap<>();
    Counts all = new Counts();
    counts.forEach(
        (type, count) -> {
          byType.put(type, count.scores(zeroDivision));
          all.add(count);
        });
    List<PrecisionRecall> types = new ArrayList<>(byType.values());
    // seqeval averages nothing if no entity is there; scikit-learn would average the classes.
    PrecisionRecall weighted =
        all.occurred == 0 ? all.scores(zeroDivision) : PrecisionRecall.weighted(types);
    return new EntityMetrics(
        Collections.unmodifiableSortedMap(byType),
        all.scores(zeroDivision),
        PrecisionRecall.macro(types),
        weighted,
        accuracy);
  }

  private static Set<Entity> entities(
      List<String> tags, Function<List<String>, List<Entity>> decoder, String what, int row) {
    try {
      return new HashSet<>(decoder.apply(tags));
    } catch (IllegalArgumentException e) {
      throw new IllegalArgumentException(
          "row %d of the %s: %s".formatted(row, what, e.getMessage()), e);
    }
  }

  private static int equal(List<String> first, List<String> second) {
    int equal = 0;
    for (int i = 0; i < first.size(); i++) {
      equal += first.get(i).equals(second.get(i)) ? 1 : 0;
    }
    return equal;
  }

  private static Counts of(Map<String, Counts> counts, Entity entity) {
    return counts.computeIfAbsent(entity.type(), type -> new Counts());
  }

  private static final class Counts {
    private long right;
    private long predicted;
    private long occurred;

    void add(Counts other) {
      right += other.right;
      predicted += other.predicted;
      occurred += other.occurred;
    }

    PrecisionRecall scores(ZeroDivision zeroDivision) {
      return PrecisionRecall.of(right, predicted, occurred, zeroDivision);
    }
  }

  /**
   * {@code precision}, {@code recall} and {@code f1} of all entities together and {@code accuracy};
   * then each type's {@code PER_precision}, {@code PER_recall}, {@code PER_f1} and {@code
   * PER_number}.
   */
  @Override
  public Map<String, Double> values() {
    Map<String, Double> values = new LinkedHashMap<>();
    values.put("precision", micro.precision());
    values.put("recall", micro.recall());
    values.put("f1", micro.f1());
    values.put("accuracy", accuracy);
    byType.forEach(
        (type, scores) -> {
          values.put(type + "_precision", scores.precision());
          values.put(type + "_recall", scores.recall());
          values.put(type + "_f1", scores.f1());
          values.put(type + "_number", (double) scores.support());
        });
    return values;
  }
}
