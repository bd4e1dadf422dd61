package io.github.peft4j.tuner.training;

import ai.djl.ndarray.NDArray;
import io.github.peft4j.tuner.Trainable;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;

/** Several listeners, called in their order. */
record StepListeners(List<StepListener> listeners) implements StepListener {

  @Override
  public void beforeClipping(Step step) {
    listeners.forEach(listener -> listener.beforeClipping(step));
  }

  @Override
  public void beforeUpdate(Step step) {
    listeners.forEach(listener -> listener.beforeUpdate(step));
  }

  @Override
  public void afterStep(Step step) {
    listeners.forEach(listener -> listener.afterStep(step));
  }

  /** The states of all listeners, each under the listener's number. */
  @Override
  public Map<String, NDArray> state() {
    Map<String, NDArray> state = new LinkedHashMap<>();
    for (int i = 0; i < listeners.size(); i++) {
      String prefix = i + ".";
      listeners.get(i).state().forEach((name, array) -> state.put(prefix + name, array));
    }
    return state;
  }

  @Override
  public void resumed(int step, int totalSteps) {
    listeners.forEach(listener -> listener.resumed(step, totalSteps));
  }

  @Override
  public List<Trainable> trained() {
    return listeners.stream().flatMap(listener -> listener.trained().stream()).toList();
  }

  @Override
  public Optional<String> whyOneDevice() {
    return listeners.stream().flatMap(listener -> listener.whyOneDevice().stream()).findFirst();
  }

  @Override
  public Optional<String> unfinished() {
    return listeners.stream().flatMap(listener -> listener.unfinished().stream()).findFirst();
  }

  @Override
  public void afterTraining() {
    listeners.forEach(StepListener::afterTraining);
  }
}
