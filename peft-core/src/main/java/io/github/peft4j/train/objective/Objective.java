package io.github.peft4j.train.objective;

import ai.djl.ndarray.NDArray;
import io.github.peft4j.data.batch.EncodedDataset;
import io.github.peft4j.transformer.AdaptedModel;
import io.github.peft4j.transformer.ModelCall;
import io.github.peft4j.transformer.loss.LabelLoss;
import io.github.peft4j.transformer.pass.LossTargets;
import io.github.peft4j.tuner.TunerLayer;
import java.util.List;
import java.util.Optional;

/**
 * What a training minimises: a loss of a batch, computed from the model's {@link Outputs}.
 *
 * <p>An objective says three things: how many {@link #copies} of a batch run, so that it can
 * compare two passes with different dropout; the {@link #loss} of the batch as a sum over its
 * units; and how many {@link #units} a batch has. The step's loss is the sum divided by the units
 * of all its batches, so that it does not depend on how a step is split into batches.
 *
 * <p>{@link Object#toString} must say what the objective is, with its settings: a run is only
 * resumed with an objective of the same text.
 *
 * <p>Distillation from a teacher, as an example (Hinton et al. 2015, arXiv:1503.02531):
 *
 * <pre>{@code
 * record Distillation(PeftModel teacher, float t) implements Objective {
 *   public NDArray loss(Outputs student) {
 *     return student.sum(student.by(teacher), (logits, taught, labels) -> {
 *       NDArray p = taught.div(t).softmax(-1);                     // (N, V)
 *       NDArray logQ = logits.div(t).logSoftmax(-1);
 *       return p.mul(logQ).sum(new int[] {-1}).mul(-t * t);        // (N)
 *     });
 *   }
 * }
 * }</pre>
 */
public interface Objective {

  /**
   * The loss of a batch: the sum over its units. While training, operations are recorded.
   *
   * @return a scalar in 32 or 64 bits
   */
  NDArray loss(Outputs outputs);

  /**
   * Refuses data that this objective cannot learn from. A training asks before its first step.
   *
   * @throws IllegalArgumentException if the data does not fit; the message says what is expected
   */
  default void check(EncodedDataset data) {
    for (int i = 0; i < data.size(); i++) {
      int texts = data.examples().get(i).texts().size();
      if (!takes(texts)) {
        Object source = data.sourceOf(i);
        String what = source == null ? "an example" : "a " + source.getClass().getSimpleName();
        throw new IllegalArgumentException(
            texts == 1
                ? "%s compares texts that belong together, but %s is one text: train on examples of several, such as preferences, or set no objective"
                    .formatted(this, what)
                : "%s is %d texts that belong together, and %s cannot compare them: set an objective that does, such as objective(new Dpo(0.1)) for preferences"
                    .formatted(what, texts, this));
      }
    }
  }

  /**
   * Whether it reads labels of the model's task, so that the task's measures apply. A loss of
   * vectors does not.
   */
  default boolean readsLabels() {
    return true;
  }

  /** The number of copies of each batch that run together, 1 or more. */
  default int copies() {
    return 1;
  }

  /**
   * What an evaluation computes. By default it is this objective. One that compares copies of a
   * batch can leave them out, if they are alike when nothing is random.
   */
  default Objective inEvaluation() {
    return this;
  }

  /**
   * What the sum of a batch is divided by. By default the number of its labels.
   *
   * @param examples the number of examples in the batch
   * @param labels those of one copy that count; none if the data has no labels
   */
  default double units(int examples, LossTargets.Rows labels) {
    return labels.count();
  }

  /**
   * Whether examples of this many texts can be compared; by default those of one text. Preferences
   * are examples of two. Data of another kind is refused.
   *
   * @param texts the number of texts that belong together in an example, 1 or more
   */
  default boolean takes(int texts) {
    return texts == 1;
  }

  /**
   * The names of what is reported of which more is better, so that {@code FineTuner.metric} can
   * choose one.
   */
  default List<String> measures() {
    return List.of();
  }

  /**
   * The loss of each label, if the objective is the sum of these and nothing else. Forward and
   * backward pass then run together, slice by slice.
   */
  default Optional<LabelLoss> perLabel() {
    return Optional.empty();
  }

  /**
   * Whether the loss of a batch is the sum of the losses of its examples, each by itself, so that a
   * batch may be computed in parts. By default only of a sum over labels.
   */
  default boolean isSumOfExamples() {
    return perLabel().isPresent();
  }

  /** The sum of the losses of all labels. */
  static Objective of(LabelLoss loss) {
    return new SumOfLabels(loss);
  }

  /** What a model minimises by default: {@link #of(AdaptedModel, LabelLoss)} of its task's loss. */
  static Objective of(AdaptedModel model) {
    return of(model, model.base().head().loss());
  }

  /**
   * The sum of the losses of all labels, or what the methods of the active adapters make of it: see
   * {@link OwnObjective}.
   */
  static Objective of(AdaptedModel model, LabelLoss loss) {
    Objective objective = of(loss);
    try (ModelCall call = model.newCall()) {
      for (TunerLayer<?, ?> layer : call.adapters().all()) {
        if (layer instanceof OwnObjective own) {
          objective = own.objective(objective);
        }
      }
    }
    return objective;
  }
}
