package io.github.peft4j.train;

import io.github.peft4j.train.evaluation.Evaluator;
import java.nio.file.Path;
import java.util.List;
import java.util.Optional;
import org.jspecify.annotations.Nullable;

/** Notices numbers that are not finite, and says which step they come from and what to do. */
final class Divergence {

  static final String NOT_FINITE = "tensors that are not finite";
  private static final String ADVICE =
      ". Lower the learning rate, add a warm-up, or clip gradients";

  private final TrainingSetup setup;
  private final Evaluator evaluator;
  private final TrainedTensors tensors;
  private final @Nullable Checkpoints checkpoints;

  Divergence(
      TrainingSetup setup,
      Evaluator evaluator,
      TrainedTensors tensors,
      @Nullable Checkpoints checkpoints) {
    this.setup = setup;
    this.evaluator = evaluator;
    this.tensors = tensors;
    this.checkpoints = checkpoints;
  }

  /**
   * In which way the last update ruined the tensors, if it did: they are not finite, or the loss of
   * that update's first batch is no longer.
   */
  Optional<String> ruin(RunState state) {
    long last = state.lastUpdate();
    if (last == 0) {
      return Optional.empty();
    }
    if (!tensors.areFinite()) {
      return Optional.of(NOT_FINITE);
    }
    boolean computes = evaluator.isFinite(setup.plan().firstBatch(last - 1));
    return computes ? Optional.empty() : Optional.of("tensors whose loss is not finite");
  }

  /**
   * The last update ruined the tensors.
   *
   * @param seen where it showed, or an empty text
   * @param back the checkpoint whose tensors the adapter gets back, if there is one
   */
  TrainingException ofUpdate(RunState state, String ruin, String seen, Optional<Path> back) {
    long step = state.lastUpdate();
    return new TrainingException(
        seen
            + "The training diverged: the update of step "
            + step
            + ", at learning rate "
            + setup.rate(step - 1)
            + ", left "
            + ruin
            + ". "
            + examples(step)
            + ". "
            + back.map(
                    folder ->
                        "The adapter is back at %s%s. To go on from there with other settings, loadAdapter(\"%s\") and train it with another folder"
                            .formatted(folder, ADVICE, folder))
                .orElseGet(
                    () ->
                        "The adapter holds these tensors: load it or adapt again; "
                            + saved()
                            + ADVICE));
  }

  /** The loss or the gradient of a step that was not made is not finite. */
  static String seen(long step, Stepper.Result result) {
    return "step %d: the loss is %s and the norm of its gradient %s. "
        .formatted(step, result.loss(), result.norm());
  }

  /** A step whose gradient is not finite, where no more may be skipped. */
  TrainingException ofGradient(long step, Stepper.Result result, List<Long> skipped, int atMost) {
    return new TrainingException(
        seen(step, result)
            + examples(step)
            + ". The tensors are those before the step; "
            + saved()
            + ". Look at those examples; skipNonFinite(atMost) passes over such steps, and a lower"
            + " learning rate or a warm-up may prevent them"
            + (atMost == 0
                ? ""
                : "; skipNonFinite allows " + atMost + ", and there were as many: " + skipped));
  }

  /** Which examples a step takes, by their positions in the data. */
  String examples(long step) {
    return "The batches are made of examples "
        + setup.plan().positions(setup.plan().examples(step - 1));
  }

  /** Where the run stands on disk. */
  String saved() {
    return checkpoints == null
        ? "nothing was saved, since checkpointTo(folder) was not called"
        : "the last checkpoint is "
            + checkpoints.newest().map(Path::toString).orElse("not yet written");
  }
}
