package io.github.peft4j.methods.dylora;

import io.github.peft4j.kernel.TorchRandom;
import io.github.peft4j.tuner.training.Step;
import io.github.peft4j.tuner.training.StepListener;

/**
 * The rank at which all modules of an adapter compute: one that is drawn for each training step,
 * and a fixed one otherwise. A step's rank depends on the seed and the number of the step alone, so
 * it is the same in all batches of the step, in layers that are recomputed, and in a resumed
 * training.
 */
final class DrawnRank implements StepListener {

  private final int multiple;
  private final int choices;
  private final boolean frozen;
  private final long seed;
  private volatile int inference;
  private long step;
  private int drawn;

  DrawnRank(DyLoraConfig config) {
    this.multiple = config.rankMultiple();
    this.choices = config.r() / multiple;
    this.frozen = config.frozen();
    this.seed = config.seed();
    Integer rank = config.inferenceRank();
    this.inference = rank == null ? config.r() : rank;
  }

  /** The rank outside of training steps. */
  int inference() {
    return inference;
  }

  /** Sets the rank outside of training steps, from 1 to r. */
  void inference(int rank) {
    inference = rank;
  }

  /**
   * Draws the rank of the current training step, if it is not drawn yet. This must not happen while
   * layers run: they have random numbers of their own.
   */
  void draw() {
    if (drawn == 0) {
      try (TorchRandom random = new TorchRandom(seed * 1_000_003 + step)) {
        drawn = multiple * (1 + (int) (random.uniform(0, 1, 1)[0] * choices));
      }
    }
  }

  /** b, the rank of the current training step. */
  int training() {
    return drawn;
  }

  /** The number of first ranks that the current training step uses and does not train. */
  int resting() {
    return frozen ? drawn - multiple : 0;
  }

  private void at(long done) {
    step = done;
    drawn = 0;
  }

  @Override
  public void afterStep(Step done) {
    at(done.number());
  }

  @Override
  public void resumed(int done, int totalSteps) {
    at(done);
  }

  @Override
  public void afterTraining() {
    at(0);
  }
}
