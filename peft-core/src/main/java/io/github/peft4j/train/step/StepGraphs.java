package io.github.peft4j.train.step;

import ai.djl.Device;
import ai.djl.ndarray.NDArray;
import io.github.peft4j.kernel.PyTorch;
import io.github.peft4j.kernel.RandomState;
import io.github.peft4j.kernel.Tensors;
import io.github.peft4j.kernel.cuda.CudaGraph;
import io.github.peft4j.transformer.TransformerModel;
import io.github.peft4j.transformer.pass.ModelInput;
import io.github.peft4j.tuner.site.ActiveAdapters;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import org.jspecify.annotations.Nullable;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * The passes of training steps as CUDA graphs. A small model's kernels are done before the host has
 * launched the next ones; a graph launches all of a step's at once.
 *
 * <p>The first batches of a shape run as ever. If the device waited for the host, the passes of the
 * next one are recorded, and later batches of the shape run the graph. Both draw the same numbers
 * for dropout: those of one sequence for the whole batch.
 *
 * <p>Layers that run again would draw other numbers of a sequence than the first time. They are
 * recorded if the first batch of a shape draws nothing, and seeded one by one otherwise.
 *
 * <p>{@code -Dpeft4j.cudaGraphs=false} records nothing, {@code always} also if the device is busy.
 */
final class StepGraphs implements AutoCloseable {

  private static final Logger LOG = LoggerFactory.getLogger(StepGraphs.class);

  /** Before that, the JVM is still compiling, and tells nothing about the host's time. */
  private static final int WARM = 8;

  private static final int MOST = 64;

  private final boolean runsAgain;
  private final CudaGraph.Pool pool = new CudaGraph.Pool();
  private final Map<Object, Step> steps = new LinkedHashMap<>(16, 0.75f, true);
  private boolean stopped;
  private int runs;

  /**
   * Creates an empty set.
   *
   * @param runsAgain whether the backward pass runs layers again
   */
  StepGraphs(boolean runsAgain) {
    this.runsAgain = runsAgain;
  }

  /** The passes of a batch. */
  @FunctionalInterface
  interface Passes {
    /** Runs them, and returns the loss, which the caller closes. */
    NDArray run(StepInputs inputs);
  }

  /** A batch's shapes, and what is known of them. */
  private static final class Step {
    boolean hasRun;
    boolean draws;
    boolean isHostBound;
    @Nullable StepInputs inputs;
    @Nullable NDArray loss;
    @Nullable CudaGraph graph;

    void close() {
      if (graph != null) {
        graph.close();
        Objects.requireNonNull(inputs).close();
        Objects.requireNonNull(loss).close();
      }
    }
  }

  /** Whether passes may be recorded. */
  static boolean areFor(TransformerModel model, ActiveAdapters adapters, ModelInput input) {
    return model.device().isGpu()
        && input.texts() == null
        && input.rowValues().isEmpty()
        && input.kept() == null
        && (input.mask() == null || input.rightPadded())
        && model.isRepeatable(adapters);
  }

  /**
   * Runs the passes of a batch.
   *
   * @param inputs in the innermost scope
   * @param others what else the passes depend on
   * @param seed of what they draw
   * @return the loss
   */
  double run(StepInputs inputs, List<Object> others, long seed, Passes passes) {
    Step step = steps.computeIfAbsent(List.of(inputs.shapes(), others), key -> new Step());
    try {
      if (step.graph == null && !isRecordedNow(step)) {
        return plain(step, inputs, seed, passes);
      }
      try (RandomState random = RandomState.sequence(seed)) {
        return recorded(step, inputs, passes);
      }
    } finally {
      limit();
    }
  }

  private boolean isRecordedNow(Step step) {
    return step.hasRun
        && !step.draws
        && !stopped
        && CudaGraph.isAvailable()
        && switch (System.getProperty("peft4j.cudaGraphs", "true")) {
          case "false" -> false;
          case "always" -> true;
          default -> step.isHostBound && runs > WARM;
        };
  }

  private double recorded(Step step, StepInputs inputs, Passes passes) {
    if (step.inputs != null) {
      step.inputs.load(inputs);
    } else {
      record(step, inputs, passes);
    }
    if (step.graph == null) {
      return measured(step, inputs, passes);
    }
    step.graph.replay();
    return Tensors.floats(Objects.requireNonNull(step.loss))[0];
  }

  private double plain(Step step, StepInputs inputs, long seed, Passes passes) {
    if (!runsAgain) {
      try (RandomState random = RandomState.sequence(seed)) {
        return measured(step, inputs, passes);
      }
    }
    if (step.hasRun) {
      return measured(step, inputs, passes);
    }
    double[] loss = new double[1];
    step.draws =
        RandomState.draws(
            inputs.scale().getManager(), () -> loss[0] = measured(step, inputs, passes));
    step.isHostBound = false; // to look at what is drawn took time
    return loss[0];
  }

  private double measured(Step step, StepInputs inputs, Passes passes) {
    long begun = System.nanoTime();
    try (NDArray loss = passes.run(inputs)) {
      long launched = System.nanoTime();
      double value = Tensors.floats(loss)[0];
      step.isHostBound = System.nanoTime() - launched < launched - begun; // the rest was waiting
      step.hasRun = true;
      runs++;
      return value;
    }
  }

  private void record(Step step, StepInputs inputs, Passes passes) {
    Device device = inputs.scale().getDevice();
    PyTorch.releaseCachedMemory(); // a graph has memory of its own
    StepInputs own = inputs.copy();
    try {
      NDArray[] loss = new NDArray[1];
      step.graph = CudaGraph.record(device.getDeviceId(), pool, () -> loss[0] = passes.run(own));
      step.loss = loss[0];
      step.inputs = own;
      LOG.debug("recorded a CUDA graph of {}", inputs.shapes());
    } catch (RuntimeException e) {
      own.close();
      stopped = true;
      LOG.warn(
          "the steps of this training cannot be recorded as CUDA graphs; they run as ever, which is"
              + " slower for small models. -Dpeft4j.cudaGraphs=false hides this warning",
          e);
    }
  }

  /** The number of graphs. */
  int count() {
    return (int) steps.values().stream().filter(step -> step.graph != null).count();
  }

  /**
   * Frees the graphs, and records no more.
   *
   * @return whether there were any
   */
  boolean giveUp() {
    boolean any = count() > 0;
    close();
    stopped = true;
    PyTorch.releaseCachedMemory();
    return any;
  }

  private void limit() {
    if (steps.size() > MOST) {
      Object eldest = steps.keySet().iterator().next();
      Objects.requireNonNull(steps.remove(eldest)).close();
    }
  }

  @Override
  public void close() {
    steps.values().forEach(Step::close);
    steps.clear();
  }
}
