package io.github.peft4j.train;

import io.github.peft4j.advice.AdvisedException;
import io.github.peft4j.advice.Remedy;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.TreeSet;
import org.jspecify.annotations.Nullable;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * Checks that a checkpoint belongs to a run: all settings that the losses depend on must be the
 * same.
 */
final class SettingsCheck {

  private static final Logger LOG = LoggerFactory.getLogger(SettingsCheck.class);
  private static final int SHOWN = 160;

  private SettingsCheck() {}

  /**
   * Checks that a run may continue from a checkpoint. It may have more or fewer steps than it was
   * started with, but not fewer than the checkpoint has done.
   *
   * @throws IllegalArgumentException naming every setting that differs
   */
  static void requireSame(Checkpoints.Whole checkpoint, Map<String, String> now, long totalSteps) {
    RunState saved = checkpoint.state();
    TreeSet<String> names = new TreeSet<>(saved.settings.keySet());
    names.addAll(now.keySet());
    names.remove(RunFacts.TOTAL_STEPS);
    List<String> differences =
        names.stream()
            .filter(name -> !Objects.equals(saved.settings.get(name), now.get(name)))
            .map(
                name ->
                    "another %s: %s, now %s"
                        .formatted(name, shown(saved.settings.get(name)), shown(now.get(name))))
            .toList();
    if (!differences.isEmpty()) {
      throw new AdvisedException(
          "%s belongs to a run with %s. To go on, take the same settings%s; for a new run, take another folder"
              .formatted(
                  checkpoint.folder(),
                  String.join("; ", differences),
                  names.contains(RunFacts.DATA)
                          && !Objects.equals(
                              saved.settings.get(RunFacts.DATA), now.get(RunFacts.DATA))
                      ? " and the very same examples in the same order"
                      : ""),
          Remedy.START_FROM_CHECKPOINT.with(
              "To train its adapter further under other settings or on other data, loadAdapter(\"%s\") and take another folder"
                  .formatted(checkpoint.folder()),
              checkpoint.folder()));
    }
    if (totalSteps < saved.step) {
      throw new IllegalArgumentException(
          "%s has %d steps already, but the run is to have %d. Raise epochs or steps; for a new run, take another folder"
              .formatted(checkpoint.folder(), saved.step, totalSteps));
    }
    String planned = saved.settings.get(RunFacts.TOTAL_STEPS);
    if (planned != null && !planned.equals("" + totalSteps)) {
      LOG.info(
          "{} was begun with {} steps and goes on with {}: from step {} on the learning rate is"
              + " that of a run of {} steps",
          checkpoint.folder(),
          planned,
          totalSteps,
          saved.step + 1,
          totalSteps);
    }
  }

  private static String shown(@Nullable String value) {
    if (value == null) {
      return "none";
    }
    return value.length() <= SHOWN ? value : value.substring(0, SHOWN - 1) + "…";
  }
}
