package io.github.peft4j;

import ai.djl.ndarray.NDArray;
import io.github.peft4j.adapter.Adapter;
import io.github.peft4j.adapter.AdapterSet;
import io.github.peft4j.adapter.Provenance;
import io.github.peft4j.data.tokenizer.Tokenizer;
import io.github.peft4j.kernel.Autograd;
import io.github.peft4j.transformer.ModelCall;
import io.github.peft4j.transformer.TransformerModel;
import io.github.peft4j.tuner.Calls;
import io.github.peft4j.tuner.StepListener;
import io.github.peft4j.tuner.site.ActiveAdapters;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;

/**
 * The training of one adapter, from its begin to its end: what a trainer may do to it. Meanwhile
 * the adapter is not removed, merged or trained by another; what is active may change, and the
 * training goes on with what was active at its begin.
 *
 * <p>A {@link #step} has the adapter for itself: calls that compute with it run between steps, and
 * see the tensors as they are after one. Calls with other adapters run at any time.
 */
public final class AdapterTraining implements TextModel, AutoCloseable {

  private final PeftModel model;
  private final Adapter adapter;
  private final AdapterSet.Resolved resolved;
  private final Calls.Hold hold;

  AdapterTraining(PeftModel model, AdapterSet.Training training) {
    this.model = model;
    this.adapter = training.adapter();
    this.resolved = training.resolved();
    this.hold = training.hold();
  }

  /** The adapter. */
  public Adapter adapter() {
    return adapter;
  }

  /** The adapters that compute: it, and those that it is trained on. */
  public ActiveAdapters active() {
    return resolved.active();
  }

  @Override
  public TransformerModel base() {
    return model.base();
  }

  @Override
  public Tokenizer tokenizer() {
    return model.tokenizer();
  }

  @Override
  public ModelCall newCall() {
    return base()
        .newCall(resolved.active(), resolved.resources())
        .orElseThrow(() -> new IllegalStateException("an adapter is gone"));
  }

  /**
   * Waits until no call computes with the adapter and keeps new ones waiting until the step is
   * closed.
   *
   * @throws IllegalStateException if a call of this thread computes with it, or the model is closed
   */
  public Calls.Call step() {
    List<Calls.Resource> used = new ArrayList<>(resolved.resources());
    used.remove(adapter.resource());
    used.add(base().resource());
    return base()
        .calls()
        .own(adapter.resource(), used, "train adapter '" + adapter.name() + "'")
        .orElseThrow(() -> new IllegalStateException("the model is closed; load it again"));
  }

  /**
   * To be called when the optimizer has updated the tensors and before their gradients are cleared:
   * some methods prune or project between steps.
   *
   * @param step how many steps have been done, from 1 on
   * @param totalSteps how many steps the training is to have
   */
  public void afterStep(int step, int totalSteps) {
    Autograd.without(
        () -> {
          adapter.listeners().forEach(listener -> listener.afterStep(step, totalSteps));
          return null;
        });
  }

  /**
   * What the adapter's method remembers from step to step, by name: the same arrays until the end,
   * to be saved and set together with the tensors.
   */
  public Map<String, NDArray> methodState() {
    Map<String, NDArray> state = new LinkedHashMap<>();
    List<StepListener> listeners = adapter.listeners();
    for (int i = 0; i < listeners.size(); i++) {
      String prefix = "method." + i + ".";
      listeners.get(i).state().forEach((name, array) -> state.put(prefix + name, array));
    }
    return state;
  }

  /**
   * To be called when the tensors and the arrays of {@link #methodState} have been set to what they
   * were after a step.
   */
  public void resumed(int step, int totalSteps) {
    adapter.listeners().forEach(listener -> listener.resumed(step, totalSteps));
  }

  /** Notes with the adapter what it has been trained on, in order. */
  public void record(List<Provenance.Training> trainings) {
    adapter.trainings(trainings);
  }

  /** Ends the training, however it went. */
  @Override
  public void close() {
    adapter.listeners().forEach(StepListener::afterTraining);
    adapter.endTraining();
    hold.close();
  }
}
