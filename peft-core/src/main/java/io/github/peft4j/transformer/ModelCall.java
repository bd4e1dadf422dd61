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
 * A running call: a model and its adapters, which are held until the call is closed. It comes from
 * {@link AdaptedModel#newCall} and is used by one thread at a time.
 */
public final class ModelCall implements AutoCloseable {

  private final TransformerModel model;
  private final ActiveAdapters adapters;
  private final Calls.Call call;

  /**
   * Creates a call.
   *
   * @param call holds the model and the adapters
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

  /** The adapters of the call. */
  public ActiveAdapters adapters() {
    return adapters;
  }

  /** A new inference pass with these adapters. */
  public Pass pass() {
    return Pass.inference(adapters);
  }

  /** Logits in inference, see {@link TransformerModel#logits(ModelInput, Pass)}. */
  public NDArray logits(ModelInput input) {
    try (Pass pass = pass()) {
      return model.logits(input, pass);
    }
  }

  /**
   * Logits in inference for the input of a DJL block.
   *
   * @param inputs ids (B, T); optionally a mask (B, T); optionally segment ids (B, T) or, for an
   *     encoder-decoder, the decoder's input ids (B, U)
   */
  public NDList logits(NDList inputs) {
    return new NDList(logits(model.input(inputs)));
  }

  /** Starts generating a text for each prompt, see {@link TransformerModel#decode}. */
  public Decoding decode(List<long[]> prompts, long padId) {
    return model.decode(prompts, padId, adapters);
  }

  /** The largest number of tokens of a text, see {@link TransformerModel#room}. */
  public long room() {
    return model.room(adapters);
  }

  /** The number of labels that count in the loss, see {@link TransformerModel#count}. */
  public long count(LossTargets targets) {
    return model.count(targets, adapters);
  }

  @Override
  public void close() {
    call.close();
  }
}
