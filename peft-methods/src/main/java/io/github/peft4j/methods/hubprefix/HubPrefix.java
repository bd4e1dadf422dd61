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
import java.util.function.Supplier;

/**
 * The keys and values of all layers: W₂ f(W₁ E + b₁) + b₂ with E [n, D], W₁ [m, D] and W₂ [2 L K d,
 * m]; or, flat, a vector of n 2 L K d numbers. Tokens pass by as they are.
 */
final class HubPrefix extends TunerLayer<InputSite.Tokens, InputSite.Sequence> {

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

  private final Shared slots;

  HubPrefix(
      HubPrefixConfig config, int layers, AttentionSite.Heads heads, long d, Initial initial) {
    long n = config.prefixLength();
    long out = 2L * layers * heads.keyValues() * heads.dimension();
    Supplier<NDArray> values =
        config.flat()
            ? trainable("control_trans", initial.normal(1, n * out))::value
            : network(config, n, d, out, initial);
    Kernel split =
        SLOTS
            .with("n", n)
            .with("slots", 2 * layers)
            .with("heads", heads.keyValues())
            .with("d", heads.dimension());
    this.slots = reads(new Shared(trainables(), () -> split.call(values.get())));
  }

  /** As PyTorch starts an Embedding and two Linears. */
  private Supplier<NDArray> network(
      HubPrefixConfig config, long n, long d, long out, Initial initial) {
    long m = config.bottleneckSize();
    Trainable e = trainable("wte.weight", initial.normal(1, n, d));
    Trainable w1 = trainable("control_trans.0.weight", initial.kaimingUniform(m, d));
    Trainable b1 = trainable("control_trans.0.bias", initial.uniform(1 / Math.sqrt((double) d), m));
    Trainable w2 = trainable("control_trans.2.weight", initial.kaimingUniform(out, m));
    Trainable b2 =
        trainable("control_trans.2.bias", initial.uniform(1 / Math.sqrt((double) m), out));
    Kernel network = NETWORK.with("f", config.nonLinearity());
    return () -> network.call(e.value(), w1.value(), b1.value(), w2.value(), b2.value());
  }

  /** Keys and values (2 L, K, n, d), computed once a run. */
  Shared slots() {
    return slots;
  }

  @Override
  public InputSite.Sequence forward(
      InputSite.Tokens tokens, Forward<InputSite.Tokens, InputSite.Sequence> base) {
    return base.forward(tokens);
  }
}
