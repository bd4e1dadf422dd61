package io.github.peft4j.train;

import ai.djl.Device;
import io.github.peft4j.adapter.Provenance;
import java.util.ArrayList;
import java.util.Collections;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.Set;
import java.util.stream.Collectors;

/**
 * What a {@link TrainingReport} knows beside losses and evaluations. The lists have a value for
 * each step, in order; NaN where it was not recorded.
 *
 * @param learningRates the learning rate of each step
 * @param gradNorms the norm of each step's gradient before it was clipped
 * @param tokensPerSecond the speed of each step
 * @param reported the numbers that the objective reported in addition to the loss, by name
 * @param overflowedSteps those of the skipped steps, from 1, whose gradient overflowed because the
 *     loss was scaled; none unless the model computes in FLOAT16
 * @param microBatchSize the most rows that were computed at once in the last step: the batch size,
 *     or less with {@link FineTuner#autoBatchSize} and on several devices
 * @param lossScale the scale of the loss after the last step; 1 if the loss is not scaled
 * @param lowerIsBetter the names of the metrics of which a smaller value is better
 * @param settings the settings of the run by name, in the order in which they are shown
 * @param provenance where model and data come from, and what computed, by name
 */
public record TrainingDetails(
    List<Float> learningRates,
    List<Float> gradNorms,
    List<Float> tokensPerSecond,
    Map<String, List<Float>> reported,
    List<Long> overflowedSteps,
    int microBatchSize,
    double lossScale,
    Set<String> lowerIsBetter,
    Map<String, String> settings,
    Map<String, String> provenance) {

  /** Copies lists and maps. */
  public TrainingDetails {
    learningRates = List.copyOf(learningRates);
    gradNorms = List.copyOf(gradNorms);
    tokensPerSecond = List.copyOf(tokensPerSecond);
    reported = Collections.unmodifiableMap(new LinkedHashMap<>(reported));
    overflowedSteps = List.copyOf(overflowedSteps);
    lowerIsBetter = Set.copyOf(lowerIsBetter);
    settings = Collections.unmodifiableMap(new LinkedHashMap<>(settings));
    provenance = Collections.unmodifiableMap(new LinkedHashMap<>(provenance));
  }

  static TrainingDetails of(FineTuner tuner, TrainingSetup setup, RunState state) {
    int steps = state.losses.size();
    Map<String, List<Float>> reported = new LinkedHashMap<>();
    state.reported.forEach((name, values) -> reported.put(name, padded(values, steps)));
    return new TrainingDetails(
        padded(state.rates, steps),
        padded(state.norms, steps),
        padded(state.speeds, steps),
        reported,
        state.overflowed,
        setup.plan().rowsAtOnce(),
        state.lossScale > 0 ? state.lossScale : 1,
        setup.measures().names().stream()
            .filter(setup.measures()::isLowerBetter)
            .collect(Collectors.toSet()),
        RunFacts.settings(setup.facts()),
        provenance(tuner, setup, state));
  }

  private static Map<String, String> provenance(
      FineTuner tuner, TrainingSetup setup, RunState state) {
    Map<String, String> facts = setup.facts();
    Map<String, String> known = new LinkedHashMap<>();
    known.put("base model", tuner.model.origin());
    known.put(
        "SHA-256 of its weights",
        facts.getOrDefault(RunFacts.BASE, "not computed: only a run with checkpoints needs it"));
    known.put("adapter", setup.adapter().name());
    known.put("SHA-256 of the training data", facts.getOrDefault(RunFacts.DATA, "unknown"));
    known.put("seed", "" + tuner.seed);
    known.put("started", state.started);
    Provenance.runningVersions()
        .forEach((name, version) -> known.put("version of " + name, version));
    known.put(
        "device",
        tuner.devices.size() == 1
            ? setup.training().base().place()
            : tuner.devices.stream().map(Device::toString).collect(Collectors.joining(", ")));
    known.put("machine", machine());
    return known;
  }

  private static String machine() {
    Runtime runtime = Runtime.getRuntime();
    return String.format(
        Locale.ROOT,
        "%s %s on %s, %d processors, at most %.1f GiB of Java heap",
        System.getProperty("os.name"),
        System.getProperty("os.version"),
        System.getProperty("os.arch"),
        runtime.availableProcessors(),
        runtime.maxMemory() / (double) (1L << 30));
  }

  /**
   * Values of the first steps, and NaN for the rest: a step of an older version has none, nor has
   * one that reported nothing.
   */
  private static List<Float> padded(List<Float> values, int size) {
    List<Float> padded = new ArrayList<>(values.subList(0, Math.min(size, values.size())));
    padded.addAll(Collections.nCopies(size - padded.size(), Float.NaN));
    return padded;
  }
}
