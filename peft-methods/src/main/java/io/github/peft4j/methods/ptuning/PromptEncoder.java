package io.github.peft4j.methods.ptuning;

import ai.djl.ndarray.NDArray;
import io.github.peft4j.kernel.Kernel;
import io.github.peft4j.methods.prompt.EncodedPrompt;
import io.github.peft4j.tuner.Forward;
import io.github.peft4j.tuner.Initial;
import io.github.peft4j.tuner.InputSite;
import io.github.peft4j.tuner.Trainable;
import io.github.peft4j.tuner.TunerLayer;
import java.util.Objects;

/** [f(E); x], with a trained table E [n, d] and a trained encoder f in front of x (B, T, d). */
final class PromptEncoder extends TunerLayer<InputSite.Tokens, InputSite.Sequence>
    implements InputSite.Prepending {

  private static final String NAME = "prompt_encoder.";
  private static final Kernel FIRST =
      Kernel.of(
          """
          def first(prompt: Tensor) -> Tensor:                   # (N, d) → (n, d)
              return torch.narrow(prompt, 0, 0, {n})
          """);

  private final EncodedPrompt prompt;
  private final Kernel first;
  private final int n;

  /**
   * Creates an encoder.
   *
   * @param rows of E: n, or 2 n for an encoder-decoder, the second half of which PEFT never reads
   * @param d length of a token's vector
   */
  PromptEncoder(PTuningConfig config, int rows, long d, Initial initial) {
    Trainable embedding = beside(NAME + "embedding.weight", initial.normal(1, rows, d));
    long hidden = Objects.requireNonNull(config.encoderHiddenSize());
    Head.Declaration declare = (key, value) -> beside(NAME + key, value);
    Head head =
        switch (config.encoderReparameterizationType()) {
          case MLP -> new MlpHead(d, hidden, initial, declare);
          case LSTM ->
              new LstmHead(
                  d, hidden, config.encoderNumLayers(), config.encoderDropout(), initial, declare);
        };
    this.prompt =
        new EncodedPrompt(
            embedding, head::forward, buffer("prompt_embeddings", initial.zeros(rows, d)));
    this.n = config.tokens().numVirtualTokens();
    this.first = FIRST.with("n", n);
  }

  @Override
  public long virtualTokens() {
    return n;
  }

  @Override
  public InputSite.Sequence forward(
      InputSite.Tokens tokens, Forward<InputSite.Tokens, InputSite.Sequence> base) {
    NDArray vectors = prompt.value(isTraining(base.context()));
    return base.forward(tokens).prepend(first.call(vectors));
  }

  @Override
  public NDArray stored(Trainable tensor) {
    return prompt.stored(tensor);
  }

  @Override
  public void loaded(boolean all) {
    prompt.loaded(all);
  }
}
