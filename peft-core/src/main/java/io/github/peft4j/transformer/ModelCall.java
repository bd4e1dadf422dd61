package io.github.peft4j.transformer;

import ai.djl.ndarray.NDArray;
import ai.djl.ndarray.NDList;
import io.github.peft4j.transformer.pass.LossTargets;
import io.github.peft4j.transformer.pass.ModelInput;
import io.github.peft4j.transformer.pass.Pass;
import io.github.peft4j.tuner.Calls;
import io.github.peft4j.tuner.site.ActiveAdapters;
import java.util.List;

/**
 * A call that runs: a model and the adapters that compute, which are held until the call is closed.
 * It is made by {@link AdaptedModel#newCall} and used by one thread.
 */
public final class ModelCall implements AutoCloseable {

  private final TransformerModel model;
  private final ActiveAdapters adapters;
  private final Calls.Call call;

  /**
   * A call.
   *
   * @param call which holds the model and the adapters
   */
  public ModelCall(TransformerModel model, ActiveAdapters adapters, Calls.Call call) {
    this.model = model;
    this.adapters = adapters;
    this.call = call;
  }

  /** The model. */
  public TransformerModel model() {
    return model;
  }

  /** The adapters that compute. */
  public ActiveAdapters adapters() {
    return adapters;
  }

  /** A pass of inference with these adapters. */
  public Pass pass() {
    return Pass.inference(adapters);
  }

  /** Logits in inference: (B, V) for a class each, (B, T, V) for tokens. */
  public NDArray logits(ModelInput input) {
    try (Pass pass = pass()) {
      return model.logits(input, pass);
    }
  }

  /**
   * Logits of a DJL block's input.
   *
   * @param inputs ids (B, T), and after them mask (B, T) and segments (B, T), or what a decoder
   *     reads (B, U)
   */
  public NDList logits(NDList inputs) {
    return new NDList(logits(model.input(inputs)));
  }

  /** Begins to write a text for each prompt: {@link TransformerModel#decode}. */
  public Decoding decode(List<long[]> prompts, long padId) {
    return model.decode(prompts, padId, adapters);
  }

  /** How many tokens a text may have: {@link TransformerModel#room}. */
  public long room() {
    return model.room(adapters);
  }

  /** How many labels count in the loss: {@link TransformerModel#count}. */
  public long count(LossTargets targets) {
    return model.count(targets, adapters);
  }

  @Override
  public void close() {
    call.close();
  }
}
