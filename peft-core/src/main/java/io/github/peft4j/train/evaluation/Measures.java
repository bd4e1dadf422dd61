package io.github.peft4j.train.evaluation;

import io.github.peft4j.train.objective.Objective;
import io.github.peft4j.transformer.config.Task;
import io.github.peft4j.transformer.loss.CrossEntropy;
import java.util.ArrayList;
import java.util.Collection;
import java.util.LinkedHashMap;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.Map;
import java.util.Set;
import org.jspecify.annotations.Nullable;

/**
 * The measures of an evaluation: those of the task, and those that were added.
 *
 * @param task the model's task
 * @param all the measures, in the order in which they are shown
 * @param reported the names of what the objective reports of which more is better
 * @param hasPerplexity whether the loss is the mean cross entropy of tokens, so that it has a
 *     perplexity
 * @param sets the names of the data sets that are measured; one without a name is the empty text
 */
public record Measures(
    Task task, List<Measure> all, List<String> reported, boolean hasPerplexity, List<String> sets) {

  /** Checks that names differ and that predictions can be kept. */
  public Measures {
    all = List.copyOf(all);
    reported = List.copyOf(reported);
    sets = List.copyOf(sets);
    Set<String> names = new LinkedHashSet<>(List.of(Metrics.LOSS, Metrics.PERPLEXITY));
    if (task.type() == Task.Type.MASKED_LM) {
      names.add(Metrics.ACCURACY);
    }
    for (Measure measure : all) {
      for (String name : measure.names()) {
        if (!names.add(name)) {
          throw new IllegalArgumentException(
              "there are two measures of the name '" + name + "'; each needs a name of its own");
        }
      }
      if (measure.needsPredictions() && isOverVocabulary(task)) {
        throw new IllegalArgumentException(
            "measure %s needs predictions, which a model for %s does not give: override"
                    .formatted(measure.names(), task.type())
                + " needsPredictions() and generate texts with the evaluation's model");
      }
    }
  }

  /** The measures of a task. */
  public static Measures of(Task task) {
    return new Measures(
        task, TaskExamples.of(task).measures(), List.of(), isOverVocabulary(task), List.of(""));
  }

  /** These measures where this objective is minimised. */
  public Measures of(Objective objective) {
    Objective measured = objective.inEvaluation();
    boolean plain = measured.perLabel().filter(CrossEntropy.PLAIN::equals).isPresent();
    return new Measures(task, all, measured.measures(), plain && isOverVocabulary(task), sets);
  }

  /** These measures and others. */
  public Measures and(List<Measure> others) {
    List<Measure> both = new ArrayList<>(all);
    both.addAll(others);
    return new Measures(task, both, reported, hasPerplexity, sets);
  }

  /** These measures on several data sets. */
  public Measures on(Collection<String> sets) {
    return new Measures(task, all, reported, hasPerplexity, List.copyOf(sets));
  }

  /** A number's name on a data set: {@code dev/loss}. */
  static String on(String set, String name) {
    return set.isEmpty() ? name : set + "/" + name;
  }

  private static boolean isOverVocabulary(Task task) {
    return task.type().writes() || task.type() == Task.Type.MASKED_LM;
  }

  /** Whether the share of the tokens that are found is measured, as in transformers' run_mlm.py. */
  boolean hasAccuracy() {
    return task.type() == Task.Type.MASKED_LM;
  }

  boolean needPredictions() {
    return all.stream().anyMatch(Measure::needsPredictions);
  }

  /** The names of all numbers of an evaluation. */
  public List<String> names() {
    return List.copyOf(lowerIsBetter().keySet());
  }

  /** Whether a smaller number of this name is better. */
  public boolean isLowerBetter(String name) {
    return lowerIsBetter().getOrDefault(name, false);
  }

  /** All numbers by name, in the order in which they are shown, and whether less is better. */
  private Map<String, Boolean> lowerIsBetter() {
    Map<String, Boolean> lower = new LinkedHashMap<>();
    for (String set : sets) {
      lower.put(on(set, Metrics.LOSS), true);
      if (hasPerplexity) {
        lower.put(on(set, Metrics.PERPLEXITY), true);
      }
      if (hasAccuracy()) {
        lower.put(on(set, Metrics.ACCURACY), false);
      }
      for (Measure measure : all) {
        measure.names().forEach(name -> lower.put(on(set, name), measure.isLowerBetter(name)));
      }
      reported.forEach(name -> lower.put(on(set, name), false));
    }
    return lower;
  }

  /**
   * The number by which evaluations are compared.
   *
   * @param name one of {@link #names}; null for the first number of the task's own measures or, if
   *     it has none, the loss; on the first data set
   * @throws IllegalArgumentException if there is no such number
   */
  public String metric(@Nullable String name) {
    if (name == null) {
      List<Measure> own = TaskExamples.of(task).measures();
      return on(sets.get(0), own.isEmpty() ? Metrics.LOSS : own.get(0).names().get(0));
    }
    if (!names().contains(name)) {
      throw Metrics.noMetric(name, names());
    }
    return name;
  }
}
