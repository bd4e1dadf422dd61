package io.github.peft4j.methods.diffpruning;

import ai.djl.ndarray.NDArray;
import ai.djl.ndarray.types.Shape;
import io.github.peft4j.kernel.Scope;
import io.github.peft4j.kernel.Tensors;
import io.github.peft4j.methods.common.sparse.Masks;
import io.github.peft4j.train.optimizer.AdamW;
import io.github.peft4j.tuner.Trainable;
import io.github.peft4j.tuner.training.Step;
import io.github.peft4j.tuner.training.StepListener;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import org.jspecify.annotations.Nullable;

/**
 * The phases of diff pruning within one training: gates with an optimizer of their own; then the
 * largest changes become the mask, and only these are trained on, by an optimizer without history.
 */
final class Pruning implements StepListener {

  /** The largest norm of the gradients of α, as in the authors' code. */
  private static final double CLIP = 1;

  private final DiffPruningConfig config;
  private final List<GatedDelta> deltas;
  private final List<Trainable> whole;
  private final List<Trainable> changes = new ArrayList<>();
  private final List<Trainable> alphas = new ArrayList<>();
  private @Nullable State state;

  /**
   * What is kept between steps.
   *
   * @param decided 1 after the cut, 0 before
   */
  private record State(AdamW optimizer, Masks masks, NDArray decided) {}

  /**
   * Creates the listener.
   *
   * @param whole tensors that are trained without a mask
   */
  Pruning(DiffPruningConfig config, List<GatedDelta> deltas, List<Trainable> whole) {
    this.config = config;
    this.deltas = deltas;
    this.whole = whole;
    for (GatedDelta delta : deltas) {
      changes.add(delta.delta());
      alphas.addAll(delta.alphas());
    }
  }

  private State present() {
    State known = state;
    if (known == null) {
      boolean decided = deltas.stream().allMatch(GatedDelta::isDecided);
      NDArray flag =
          Scope.release(changes.get(0).value().getManager().full(new Shape(1), decided ? 1f : 0f));
      known = new State(AdamW.of(alphas, 0), new Masks(deltas), flag);
      state = known;
    }
    return known;
  }

  /** α and its moments, the masks, and whether they are decided. */
  @Override
  public Map<String, NDArray> state() {
    State now = present();
    Map<String, NDArray> all = new LinkedHashMap<>(now.masks().state());
    for (int i = 0; i < alphas.size(); i++) {
      all.put(i + ".alpha", alphas.get(i).value());
    }
    now.optimizer().state().forEach((name, array) -> all.put("alpha." + name, array));
    all.put("decided", now.decided());
    return all;
  }

  @Override
  public void resumed(int step, int totalSteps) {
    boolean decided = Tensors.floats(present().decided())[0] == 1;
    deltas.forEach(
        delta -> {
          delta.step(step);
          delta.decide(decided);
        });
  }

  @Override
  public List<Trainable> trained() {
    return List.copyOf(alphas);
  }

  @Override
  public Optional<String> unfinished() {
    return Optional.of("diff pruning trains all entries until its cut, and it may come before");
  }

  @Override
  public void afterTraining() {
    State last = state;
    if (last != null) {
      last.optimizer().close();
      last.masks().close();
      last.decided().close();
      state = null;
    }
    deltas.forEach(
        delta -> {
          delta.step(0);
          delta.release();
        });
  }

  @Override
  public void beforeClipping(Step step) {
    config.gatedSteps(step.total());
    if (isDecided()) {
      present().masks().apply(step);
    }
  }

  private boolean isDecided() {
    return deltas.get(0).isDecided();
  }

  @Override
  public void afterStep(Step step) {
    State now = present();
    if (!isDecided()) {
      if (!now.optimizer().gradients().arrived().isEmpty()) {
        now.optimizer().gradients().clip(CLIP);
        now.optimizer().update(config.alphaLearningRate());
        now.optimizer().gradients().clear();
      }
      if (step.number() >= config.gatedSteps(step.total())) {
        cut(step, now);
      }
    }
    deltas.forEach(delta -> delta.step(step.number()));
  }

  /** Keeps the largest of the changes, with the gates as they are open on average. */
  private void cut(Step step, State now) {
    for (GatedDelta delta : deltas) {
      try (Scope scope = new Scope()) {
        Tensors.copy(delta.delta().value(), delta.effective());
      }
      delta.decide(true);
    }
    long targets = changes.stream().mapToLong(Trainable::size).sum();
    now.masks().clear();
    now.masks().addLargest(Math.max(1, (long) (config.targetSparsity() * targets)));
    now.masks().apply();
    Masks.forget(step, changes);
    Masks.forget(step, whole);
    try (NDArray one = now.decided().onesLike()) {
      Tensors.copy(now.decided(), one);
    }
  }
}
