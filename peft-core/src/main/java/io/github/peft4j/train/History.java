package io.github.peft4j.train;

import io.github.peft4j.AdapterTraining;
import io.github.peft4j.adapter.Provenance;
import java.nio.file.Path;
import java.time.Instant;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.Optional;
import java.util.TreeMap;
import java.util.stream.Stream;

/** Records in the adapter what it was trained on, in this run and in those before it. */
final class History {

  private final long seed;
  private final TrainingSetup setup;
  private List<Provenance.Training> earlier;

  History(long seed, TrainingSetup setup) {
    this.seed = seed;
    this.setup = setup;
    this.earlier = setup.adapter().trainings();
  }

  /**
   * Notes that the run continues from a checkpoint, whose last recorded training is this run's
   * earlier part.
   */
  void goOnFrom(Path checkpoint) {
    Optional<Provenance> known = Provenance.read(checkpoint);
    known
        .map(Provenance::trainings)
        .filter(all -> !all.isEmpty())
        .ifPresent(all -> earlier = all.subList(0, all.size() - 1));
  }

  /** Records in the adapter that this run has trained it up to a step. */
  void record(AdapterTraining training, RunState state, long step, double seconds) {
    Map<String, String> settings = new TreeMap<>(state.settings);
    settings.keySet().removeIf(RunFacts::isSaidElsewhere);
    Provenance.Training now =
        new Provenance.Training(
            Objects.requireNonNull(state.settings.get(RunFacts.DATA)),
            seed,
            settings,
            step,
            setup.totalSteps(),
            state.losses.get((int) step - 1),
            state.evaluations.stream()
                .filter(evaluation -> evaluation.step == step)
                .findFirst()
                .map(evaluation -> evaluation.metrics)
                .orElse(Map.of()),
            Instant.parse(state.started),
            seconds);
    training.record(Stream.concat(earlier.stream(), Stream.of(now)).toList());
  }
}
