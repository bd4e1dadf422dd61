package io.github.peft4j.train.evaluation;

import io.github.peft4j.transformer.config.Task;
import java.util.ArrayList;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.Set;
import org.jspecify.annotations.Nullable;

/**
 * The measures of an evaluation: those of the task, and those that were added.
 *
 * @param task the model's task
 * @param all the measures, in the order in which they are shown
 */
public record Measures(Task task, List<Measure> all) {

  /** Checks that names differ and that predictions can be kept. */
  public Measures {
    all = List.copyOf(all);
    Set<String> names = new LinkedHashSet<>(List.of(Metrics.LOSS, Metrics.PERPLEXITY));
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
    return new Measures(task, ofTask(task));
  }

  /** These measures and others. */
  public Measures and(List<Measure> others) {
    List<Measure> both = new ArrayList<>(all);
    both.addAll(others);
    return new Measures(task, both);
  }

  private static List<Measure> ofTask(Task task) {
    return switch (task.type()) {
      case SEQ_CLS -> List.of(ofTexts(task));
      case TOKEN_CLS -> List.of(new EntityMeasure(task.labels()));
      case QUESTION_ANS -> List.of(new AnswerMeasure());
      case CAUSAL_LM, SEQ_2_SEQ_LM, MASKED_LM, FEATURE_EXTRACTION -> List.of();
    };
  }

  private static Measure ofTexts(Task task) {
    return switch (task.problem()) {
      case SINGLE_LABEL -> new ClassMeasure(task.labels().size());
      case MULTI_LABEL -> new MultiLabelMeasure();
      case REGRESSION -> new RegressionMeasure();
    };
  }

  private static boolean isOverVocabulary(Task task) {
    return task.type().writes() || task.type() == Task.Type.MASKED_LM;
  }

  /** Whether the loss is the mean cross entropy of tokens, so that it has a perplexity. */
  boolean hasPerplexity() {
    return isOverVocabulary(task);
  }

  boolean needPredictions() {
    return all.stream().anyMatch(Measure::needsPredictions);
  }

  /** The names of all numbers of an evaluation. */
  public List<String> names() {
    List<String> names = new ArrayList<>(List.of(Metrics.LOSS));
    if (hasPerplexity()) {
      names.add(Metrics.PERPLEXITY);
    }
    all.forEach(measure -> names.addAll(measure.names()));
    return names;
  }

  /**
   * The number by which evaluations are compared.
   *
   * @param name one of {@link #names}; null for the first number of the task's own measures or, if
   *     it has none, the loss
   * @throws IllegalArgumentException if there is no such number
   */
  public String metric(@Nullable String name) {
    if (name == null) {
      List<Measure> own = ofTask(task);
      return own.isEmpty() ? Metrics.LOSS : own.get(0).names().get(0);
    }
    if (!names().contains(name)) {
      throw Metrics.noMetric(name, names());
    }
    return name;
  }

  /** Whether a smaller number of this name is better. */
  public boolean isLowerBetter(String name) {
    return name.equals(Metrics.LOSS)
        || name.equals(Metrics.PERPLEXITY)
        || all.stream()
            .anyMatch(measure -> measure.names().contains(name) && measure.isLowerBetter(name));
  }
}
