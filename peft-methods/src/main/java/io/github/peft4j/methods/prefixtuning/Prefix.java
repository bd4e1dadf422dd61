package io.github.peft4j.methods.prefixtuning;

import ai.djl.ndarray.NDArray;
import io.github.peft4j.kernel.Kernel;
import io.github.peft4j.methods.common.prompt.EncodedPrompt;
import io.github.peft4j.methods.common.prompt.ModelShape;
import io.github.peft4j.methods.common.prompt.PastKeyValues;
import io.github.peft4j.tuner.Forward;
import io.github.peft4j.tuner.ForwardContext;
import io.github.peft4j.tuner.SharedTensor;
import io.github.peft4j.tuner.Trainable;
import io.github.peft4j.tuner.TunerLayer;
import io.github.peft4j.tuner.injection.Initializer;
import io.github.peft4j.tuner.site.InputSite;
import io.github.peft4j.tuner.site.Sequence;
import java.util.Objects;
import org.jspecify.annotations.Nullable;

/**
 * The prefix of all layers, P [n, 2 L · K · d]. It is trained directly, or computed as W₂ tanh(W₁ E
 * + b₁) + b₂ from a trainable table E. Positions of the sequence are counted from its end.
 */
final class Prefix extends TunerLayer<InputSite.Tokens, Sequence> implements InputSite.Shifting {

  private static final String NAME = "prompt_encoder.";
  private static final String RESULT = "prompt_embeddings";

  private static final Kernel MLP =
      Kernel.of(
          """
          def mlp(e: Tensor, w1: Tensor, b1: Tensor, w2: Tensor, b2: Tensor) -> Tensor:
              return torch.linear(torch.tanh(torch.linear(e, w1, b1)), w2, b2)
          """);

  private final int n;
  private final @Nullable Trainable table;
  private final @Nullable EncodedPrompt encoded;
  private final SharedTensor pastKeyValues;

  /**
   * Creates a prefix.
   *
   * @param n number of virtual tokens
   * @param hidden hidden width of the MLP that computes it; null to train P directly
   * @param zero whether it starts at zero
   */
  Prefix(int n, ModelShape shape, @Nullable Integer hidden, boolean zero, Initializer initial) {
    this.n = n;
    long in = (long) shape.headDimension() * shape.numKeyValueHeads();
    long out = 2L * shape.numLayers() * in;
    if (hidden != null) {
      table = null;
      encoded = encoded(in, hidden, out, zero, initial);
    } else {
      table = trainable(RESULT, zero ? initial.zeros(n, out) : initial.normal(1, n, out));
      encoded = null;
    }
    Kernel split = PastKeyValues.split(n, shape.numLayers(), shape.numKeyValueHeads());
    this.pastKeyValues =
        reads(new SharedTensor(trainables(), context -> split.call(embeddings(context))));
  }

  private EncodedPrompt encoded(long in, long hidden, long out, boolean zero, Initializer initial) {
    Trainable e = beside(NAME + "embedding.weight", initial.normal(1, n, in));
    Trainable w1 = beside(NAME + "transform.0.weight", initial.kaimingUniform(hidden, in));
    Trainable b1 =
        beside(NAME + "transform.0.bias", initial.uniform(1 / Math.sqrt((double) in), hidden));
    Trainable w2 =
        beside(
            NAME + "transform.2.weight",
            zero ? initial.zeros(out, hidden) : initial.kaimingUniform(out, hidden));
    Trainable b2 =
        beside(
            NAME + "transform.2.bias",
            zero ? initial.zeros(out) : initial.uniform(1 / Math.sqrt((double) hidden), out));
    return new EncodedPrompt(
        e,
        (x, training) -> MLP.call(x, w1.value(), b1.value(), w2.value(), b2.value()),
        buffer(RESULT, initial.zeros(n, out)));
  }

  /** P [n, 2 L · K · d]. */
  private NDArray embeddings(ForwardContext context) {
    return encoded != null
        ? encoded.value(isTraining(context))
        : Objects.requireNonNull(table).value();
  }

  @Override
  public long shift() {
    return n;
  }

  /** Keys and values (2 L, K, n, d), computed once per forward pass. */
  SharedTensor pastKeyValues() {
    return pastKeyValues;
  }

  @Override
  public boolean isRepeatable() {
    return true;
  }

  @Override
  public Sequence forward(InputSite.Tokens tokens, Forward<InputSite.Tokens, Sequence> base) {
    return base.forward(tokens).shift(n);
  }

  @Override
  public NDArray stored(Trainable tensor) {
    return encoded == null ? tensor.value() : encoded.stored(tensor);
  }

  @Override
  public void loaded(boolean all) {
    if (encoded != null) {
      encoded.loaded(all);
    }
  }
}
