package io.github.peft4j.methods.adapterhub.prefixtuning;

import ai.djl.ndarray.NDArray;
import io.github.peft4j.kernel.Kernel;
import io.github.peft4j.methods.common.prompt.PastKeyValues;
import io.github.peft4j.tuner.Forward;
import io.github.peft4j.tuner.SharedTensor;
import io.github.peft4j.tuner.Trainable;
import io.github.peft4j.tuner.TunerLayer;
import io.github.peft4j.tuner.injection.Initializer;
import io.github.peft4j.tuner.site.AttentionSite;
import io.github.peft4j.tuner.site.InputSite;
import io.github.peft4j.tuner.site.Sequence;
import java.util.List;
import java.util.function.Supplier;
import org.jspecify.annotations.Nullable;

/**
 * The prefixes of a stack: one for its self-attention and one for its cross-attention. Each is the
 * keys and values of all layers: W₂ f(W₁ E + b₁) + b₂ with E [n, D], W₁ [m, D] and W₂ [2 L K d, m];
 * if flat, a vector of n 2 L K d elements. The tokens themselves are unchanged, and relative
 * positions are counted as in AdapterHub.
 */
final class AdapterHubPrefixes extends TunerLayer<InputSite.Tokens, Sequence> {

  private static final Kernel NETWORK =
      Kernel.of(
          """
          def network(e: Tensor, w1: Tensor, b1: Tensor, w2: Tensor, b2: Tensor) -> Tensor:
              return torch.linear(torch.{f}(torch.linear(e, w1, b1)), w2, b2)
          """);

  private final int n;
  private final @Nullable Network network;
  private final long d;
  private final boolean relative;
  private final Initializer initial;

  /**
   * The network that computes keys and values.
   *
   * @param width m
   * @param nonLinearity PyTorch's name of f
   */
  record Network(long width, String nonLinearity) {}

  /**
   * Creates an empty set of prefixes for the stack after an input.
   *
   * @param network computes them; null for flat prefixes
   * @param d the hidden size
   */
  AdapterHubPrefixes(
      int n, @Nullable Network network, InputSite input, long d, Initializer initial) {
    this.n = n;
    this.network = network;
    this.d = d;
    this.relative = input.isRelative();
    this.initial = initial;
  }

  /**
   * Adds a prefix.
   *
   * @param name AdapterHub's name of the kind of attention
   * @param layers L
   * @return keys and values (2 L, K, n, d), computed once per forward pass
   */
  SharedTensor add(String name, int layers, AttentionSite.Heads heads) {
    long out = 2L * layers * heads.keyValues() * heads.dimension();
    int before = trainables().size();
    Supplier<NDArray> values =
        network == null
            ? trainable(name + ".control_trans", initial.normal(1, n * out))::value
            : network(name, network, out);
    Kernel split = PastKeyValues.split(n, layers, heads.keyValues());
    List<Trainable> own = trainables().subList(before, trainables().size());
    return reads(new SharedTensor(own, context -> split.call(values.get())));
  }

  /** Initialises the network as PyTorch initialises an Embedding and two Linears. */
  private Supplier<NDArray> network(String name, Network network, long out) {
    long m = network.width();
    String maps = name + ".control_trans.";
    Trainable e = trainable(name + ".wte.weight", initial.normal(1, n, d));
    Trainable w1 = trainable(maps + "0.weight", initial.kaimingUniform(m, d));
    Trainable b1 = trainable(maps + "0.bias", initial.uniform(1 / Math.sqrt((double) d), m));
    Trainable w2 = trainable(maps + "2.weight", initial.kaimingUniform(out, m));
    Trainable b2 = trainable(maps + "2.bias", initial.uniform(1 / Math.sqrt((double) m), out));
    Kernel kernel = NETWORK.with("f", network.nonLinearity());
    return () -> kernel.call(e.value(), w1.value(), b1.value(), w2.value(), b2.value());
  }

  @Override
  public Sequence forward(InputSite.Tokens tokens, Forward<InputSite.Tokens, Sequence> base) {
    Sequence sequence = base.forward(tokens);
    return relative ? sequence.shiftKeys(n) : sequence;
  }
}
