package io.github.peft4j.methods.ptuning;

import ai.djl.ndarray.NDArray;
import io.github.peft4j.kernel.Kernel;
import io.github.peft4j.methods.common.prompt.EncodedPrompt;
import io.github.peft4j.methods.common.prompt.PromptNetwork;
import io.github.peft4j.tuner.Forward;
import io.github.peft4j.tuner.Trainable;
import io.github.peft4j.tuner.TunerLayer;
import io.github.peft4j.tuner.site.InputSite;
import io.github.peft4j.tuner.site.Sequence;
import java.util.function.Function;

/**
 * [f(E); x], with a trainable table E [n, d] and a trainable encoder f, before the sequence x (B,
 * T, d).
 */
final class PromptEncoder extends TunerLayer<InputSite.Tokens, Sequence>
    implements InputSite.Prepending {

  private static final Kernel FIRST =
      Kernel.of(
          """
          def first(prompt: Tensor) -> Tensor:                   # (N, d) → (n, d)
              return torch.narrow(prompt, 0, 0, {n})
          """);

  /** The prefix of the encoder's tensors in PEFT. */
  private static final String KEY = "prompt_encoder.";

  private final EncodedPrompt prompt;
  private final Kernel first;
  private final int n;

  /**
   * Creates an encoder.
   *
   * @param n number of virtual tokens
   * @param embedding initial value of E [n, d]. For an encoder-decoder it is [2 n, d], and PEFT
   *     never reads the second half
   * @param network declares f with the tensors of a layer
   */
  PromptEncoder(
      int n, NDArray embedding, Function<PromptNetwork.Declaring, PromptNetwork> network) {
    Trainable e = beside(KEY + "embedding.weight", embedding);
    PromptNetwork f = network.apply((name, initial) -> beside(KEY + name, initial));
    this.prompt =
        new EncodedPrompt(e, f::forward, buffer("prompt_embeddings", embedding.zerosLike()));
    this.n = n;
    this.first = FIRST.with("n", n);
  }

  @Override
  public long virtualTokens() {
    return n;
  }

  @Override
  public String whyOneTextPerRow() {
    return "P-tuning puts virtual tokens in front of a row";
  }

  @Override
  public boolean isRepeatable() {
    return true;
  }

  @Override
  public Sequence forward(InputSite.Tokens tokens, Forward<InputSite.Tokens, Sequence> base) {
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
