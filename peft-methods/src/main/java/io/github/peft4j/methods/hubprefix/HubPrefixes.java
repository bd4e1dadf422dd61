package io.github.peft4j.methods.hubprefix;

import ai.djl.ndarray.NDArray;
import io.github.peft4j.kernel.Kernel;
import io.github.peft4j.tuner.AttentionSite;
import io.github.peft4j.tuner.Forward;
import io.github.peft4j.tuner.Initial;
import io.github.peft4j.tuner.InputSite;
import io.github.peft4j.tuner.Shared;
import io.github.peft4j.tuner.Trainable;
import io.github.peft4j.tuner.TunerLayer;
import java.util.List;
import java.util.function.Supplier;

/**
 * The prefixes of a stack, for its attention over itself and for that over an encoder. Each is the
 * keys and values of all layers: W₂ f(W₁ E + b₁) + b₂ with E [n, D], W₁ [m, D] and W₂ [2 L K d, m];
 * or, flat, a vector of n 2 L K d numbers. Tokens pass by, with relative positions as the library
 * counts them.
 */
final class HubPrefixes extends TunerLayer<InputSite.Tokens, InputSite.Sequence> {

  /** As slots (2 L, K, n, d): the keys of the first layer, its values, those of the next, … */
  private static final Kernel SLOTS =
      Kernel.of(
          """
          def slots(p: Tensor) -> Tensor:
              return torch.permute(torch.reshape(p, [{n}, {slots}, {heads}, {d}]), [1, 2, 0, 3])
          """);

  private static final Kernel NETWORK =
      Kernel.of(
          """
          def network(e: Tensor, w1: Tensor, b1: Tensor, w2: Tensor, b2: Tensor) -> Tensor:
              return torch.linear(torch.{f}(torch.linear(e, w1, b1)), w2, b2)
          """);

  private final HubPrefixConfig config;
  private final long d;
  private final boolean relative;
  private final Initial initial;

  /** Creates the prefixes of the stack behind an input, of which there are none yet. */
  HubPrefixes(HubPrefixConfig config, InputSite input, Initial initial) {
    this.config = config;
    this.d = input.embedding().dimension();
    this.relative = input.isRelative();
    this.initial = initial;
  }

  /**
   * Adds a prefix.
   *
   * @param name of the kind of attention, as the library calls it
   * @param layers L
   * @return keys and values (2 L, K, n, d), computed once a run
   */
  Shared add(String name, int layers, AttentionSite.Heads heads) {
    long n = config.prefixLength();
    long out = 2L * layers * heads.keyValues() * heads.dimension();
    int before = trainables().size();
    Supplier<NDArray> values =
        config.flat()
            ? trainable(name + ".control_trans", initial.normal(1, n * out))::value
            : network(name, n, out);
    Kernel split =
        SLOTS
            .with("n", n)
            .with("slots", 2 * layers)
            .with("heads", heads.keyValues())
            .with("d", heads.dimension());
    List<Trainable> own = trainables().subList(before, trainables().size());
    return reads(new Shared(own, context -> split.call(values.get())));
  }

  /** As PyTorch starts an Embedding and two Linears. */
  private Supplier<NDArray> network(String name, long n, long out) {
    long m = config.bottleneckSize();
    String maps = name + ".control_trans.";
    Trainable e = trainable(name + ".wte.weight", initial.normal(1, n, d));
    Trainable w1 = trainable(maps + "0.weight", initial.kaimingUniform(m, d));
    Trainable b1 = trainable(maps + "0.bias", initial.uniform(1 / Math.sqrt((double) d), m));
    Trainable w2 = trainable(maps + "2.weight", initial.kaimingUniform(out, m));
    Trainable b2 = trainable(maps + "2.bias", initial.uniform(1 / Math.sqrt((double) m), out));
    Kernel network = NETWORK.with("f", config.nonLinearity());
    return () -> network.call(e.value(), w1.value(), b1.value(), w2.value(), b2.value());
  }

  @Override
  public InputSite.Sequence forward(
      InputSite.Tokens tokens, Forward<InputSite.Tokens, InputSite.Sequence> base) {
    InputSite.Sequence sequence = base.forward(tokens);
    return relative ? sequence.ahead(config.prefixLength()) : sequence;
  }
}
