package io.github.peft4j.train.report;

import java.util.ArrayList;
import java.util.HashSet;
import java.util.List;
import java.util.Set;
import java.util.function.Consumer;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * All listeners of a training. If one fails, such as a log on a full disk, the first failure is
 * logged and the training continues. The listener still gets later events: the disk may have room
 * again.
 */
public final class Listeners implements TrainingListener {

  private static final Logger LOG = LoggerFactory.getLogger(Listeners.class);

  private final List<TrainingListener> all;
  private final Set<Integer> failed = new HashSet<>();

  public Listeners(List<TrainingListener> all) {
    this.all = new ArrayList<>(all);
  }

  private void tell(Consumer<TrainingListener> event) {
    for (int i = 0; i < all.size(); i++) {
      try {
        event.accept(all.get(i));
      } catch (RuntimeException e) {
        if (failed.add(i)) {
          LOG.warn(
              "the training listener {} failed: {}; the training goes on, later failures are not logged",
              all.get(i),
              e,
              e);
        }
      }
    }
  }

  @Override
  public void onStart(StartEvent event) {
    tell(listener -> listener.onStart(event));
  }

  @Override
  public void onStep(StepEvent event) {
    tell(listener -> listener.onStep(event));
  }

  @Override
  public void onEvaluation(EvaluationEvent event) {
    tell(listener -> listener.onEvaluation(event));
  }

  @Override
  public void onCheckpoint(CheckpointEvent event) {
    tell(listener -> listener.onCheckpoint(event));
  }

  /** Whether one of them wants the training to end. */
  @Override
  public boolean stops() {
    boolean[] stops = {false};
    tell(listener -> stops[0] |= listener.stops());
    return stops[0];
  }

  @Override
  public void onEnd(EndEvent event) {
    tell(listener -> listener.onEnd(event));
  }
}
