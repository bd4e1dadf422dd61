package io.github.peft4j;

import ai.djl.Device;
import io.github.peft4j.adapter.Adapter;
import io.github.peft4j.adapter.AdapterSet;
import io.github.peft4j.adapter.Provenance;
import io.github.peft4j.chat.ChatTemplate;
import io.github.peft4j.data.tokenizer.Tokenizer;
import io.github.peft4j.embed.EmbeddingSettings;
import io.github.peft4j.transformer.ModelCall;
import io.github.peft4j.transformer.TransformerModel;
import io.github.peft4j.tuner.Calls;
import io.github.peft4j.tuner.site.ActiveAdapters;
import java.util.ArrayList;
import java.util.List;

/**
 * One adapter in training, from start to end. Until then the adapter cannot be removed, merged or
 * trained by another trainer. The active composition of the model may change; the training keeps
 * the one that was active at its start.
 *
 * <p>A {@link #step} has exclusive access to the adapter: calls that compute with it run between
 * steps and see the tensors of the last complete step. Calls with other adapters run at any time.
 */
public final class AdapterTraining implements TextModel, AutoCloseable {

  private final PeftModel model;
  private final Adapter adapter;
  private final AdapterSet.Resolved resolved;
  private final Calls.Hold hold;
  private final Runnable afterwards;

  AdapterTraining(PeftModel model, AdapterSet.Training training) {
    this(model, training, () -> {});
  }

  private AdapterTraining(PeftModel model, AdapterSet.Training training, Runnable afterwards) {
    this.model = model;
    this.afterwards = afterwards;
    this.adapter = training.adapter();
    this.resolved = training.resolved();
    this.hold = training.hold();
  }

  /**
   * A copy of this training on another device: of the frozen model, and of the adapters that
   * compute, with the values of now. Nobody else computes with the copies, which are freed when the
   * copy is closed. Close it before this training.
   *
   * @throws IllegalArgumentException if there is no such device
   * @throws IllegalStateException if the model cannot be copied; the message says why
   */
  public AdapterTraining copy(Device device) {
    PeftModel copy = model.copy(device, active().composition());
    try {
      return new AdapterTraining(copy, copy.training(adapter.name()), copy::closeCopy);
    } catch (RuntimeException e) {
      copy.closeCopy();
      throw e;
    }
  }

  /** Whether the adapter is on its model still. If not, its tensors are freed. */
  public boolean isPresent() {
    return model.adapters().get(adapter.name()) == adapter;
  }

  /** The adapter in training. */
  public Adapter adapter() {
    return adapter;
  }

  /** The adapters that compute in this training: the trained one and those that it builds on. */
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
  public ChatTemplate chatTemplate() {
    return model.chatTemplate();
  }

  @Override
  public EmbeddingSettings embeddingSettings() {
    return model.embeddingSettings();
  }

  @Override
  public ModelCall newCall() {
    return base()
        .newCall(resolved.active(), resolved.resources())
        .orElseThrow(() -> new IllegalStateException("an adapter is gone"));
  }

  /**
   * Waits until no call computes with the adapter, and holds new calls back until the step is
   * closed.
   *
   * @throws IllegalStateException if this thread is within a call that computes with the adapter,
   *     or the model is closed
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

  /** Records on which data the adapter has been trained, in order, in its {@link Provenance}. */
  public void record(List<Provenance.Training> trainings) {
    adapter.trainings(trainings);
  }

  /** Ends the training, whether it succeeded or not. */
  @Override
  public void close() {
    adapter.endTraining();
    hold.close();
    afterwards.run();
  }
}
