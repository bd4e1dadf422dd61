package io.github.peft4j.train.report;

import java.util.ArrayList;
import java.util.HashSet;
import java.util.List;
import java.util.Set;
import java.util.function.Consumer;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * All who hear of a training. One that fails, such as a log on a full disk, is reported the first
 * time and told of later events all the same: the disk may have room again. The training goes on.
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
              "the training listener {} failed: {}; the training goes on, and this is said once",
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
  public void onEnd(EndEvent event) {
    tell(listener -> listener.onEnd(event));
  }
}
