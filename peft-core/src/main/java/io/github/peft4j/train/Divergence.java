package io.github.peft4j.train;

import io.github.peft4j.advice.Remedy;
import io.github.peft4j.kernel.Precision;
import io.github.peft4j.train.evaluation.Evaluator;
import io.github.peft4j.train.parallel.TrainedTensors;
import java.nio.file.Path;
import java.util.List;
import java.util.Optional;
import org.jspecify.annotations.Nullable;

/** Detects values that are not finite. Its messages name the step and the remedy. */
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
   * Describes how the last update ruined the tensors, if it did: either they are not finite, or the
   * loss of that update's first batch no longer is.
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
   * The exception for a last update that ruined the tensors.
   *
   * @param seen where it was noticed, or an empty text
   * @param back the checkpoint that the adapter's tensors are restored from, if there is one
   */
  TrainingException ofUpdate(RunState state, String ruin, String seen, Optional<Path> back) {
    long step = state.lastUpdate();
    String fact =
        seen
            + "The training diverged: the update of step "
            + step
            + ", at learning rate "
            + setup.rate(step - 1)
            + ", left "
            + ruin
            + ". "
            + examples(step)
            + ". ";
    return back.map(
            folder ->
                new TrainingException(
                    fact + "The adapter is back at " + folder + ADVICE,
                    Remedy.START_FROM_CHECKPOINT.with(
                        "To go on from there with other settings, loadAdapter(\"%s\") and train it with another folder"
                            .formatted(folder),
                        folder)))
        .orElseGet(
            () ->
                new TrainingException(
                    fact
                        + "The adapter holds these tensors: load it or adapt again; "
                        + saved()
                        + ADVICE));
  }

  /** Describes the loss or gradient that is not finite, of a step that was not made. */
  static String seen(long step, Stepper.Result result) {
    return "step %d: the loss is %s and the norm of its gradient %s. "
        .formatted(step, result.loss(), result.norm());
  }

  /** The exception for a gradient that is not finite when no more steps may be skipped. */
  TrainingException ofGradient(long step, Stepper.Result result, List<Long> skipped, int atMost) {
    return new TrainingException(
        seen(step, result)
            + examples(step)
            + ". The tensors are those before the step; "
            + saved()
            + (atMost == 0
                ? ""
                : ". Of such steps " + atMost + " may be skipped, and as many were: " + skipped)
            + ". Look at those examples; a lower learning rate or a warm-up may prevent such steps"
            + (setup.training().base().precision() == Precision.FLOAT16
                ? ". The model computes in FLOAT16, which ends at 65504: load it with precision(BFLOAT16) or precision(FLOAT32) if its numbers are larger"
                : ""),
        Remedy.SKIP_NON_FINITE.with("To pass over some of them, call skipNonFinite(atMost)"));
  }

  /** Names the examples of a step by their positions in the data. */
  String examples(long step) {
    return "The batches are made of examples " + setup.plan().positions(step - 1);
  }

  /** Names the last checkpoint, for messages. */
  String saved() {
    return checkpoints == null
        ? "nothing was saved, since the run has no folder for checkpoints"
        : checkpoints
            .newest()
            .map(newest -> "the last checkpoint is " + newest)
            .orElse("no checkpoint was written yet");
  }
}
