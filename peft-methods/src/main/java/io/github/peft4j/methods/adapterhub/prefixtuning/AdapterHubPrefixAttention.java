package io.github.peft4j.methods.adapterhub.prefixtuning;

import ai.djl.ndarray.NDArray;
import io.github.peft4j.kernel.Dropout;
import io.github.peft4j.kernel.Kernel;
import io.github.peft4j.methods.common.prompt.PastKeyValues;
import io.github.peft4j.tuner.Forward;
import io.github.peft4j.tuner.ForwardContext;
import io.github.peft4j.tuner.SharedTensor;
import io.github.peft4j.tuner.Trainable;
import io.github.peft4j.tuner.TunerLayer;
import io.github.peft4j.tuner.injection.Initializer;
import io.github.peft4j.tuner.site.AttentionSite;
import org.jspecify.annotations.Nullable;

/**
 * attention(q, [gₖ Kp; K], [gᵥ Vp; V]), with Kp and Vp (K, n, d) from the prefix. The optional
 * gates scale the prefix for each text: a gate is the mean of σ(w x + b) over the text's tokens x.
 */
final class AdapterHubPrefixAttention extends TunerLayer<AttentionSite.Input, NDArray> {

  private static final Kernel GATE =
      Kernel.of(
          """
          def gate(p: Tensor, x: Tensor, w: Tensor, b: Tensor) -> Tensor:          # x (B, T, D)
              open = torch.mean(torch.sigmoid(torch.linear(x, w.to(x.dtype), b.to(x.dtype))), [1])
              return torch.mul(p.to(x.dtype), torch.reshape(torch.select(open, 1, {gate}), [-1, 1, 1, 1]))
          """);
  private static final Kernel FOR_EACH_ROW =
      Kernel.of(
          """
          def for_each_row(p: Tensor, x: Tensor) -> Tensor:      # (1, K, n, d) → (B, K, n, d)
              return torch.expand(p, [torch.size(x, 0), -1, -1, -1])
          """);

  /** A trainable map to one shared gate, or to a gate for the keys and one for the values. */
  private record Gates(Trainable weight, Trainable bias, Kernel ofKeys, Kernel ofValues) {}

  private final PastKeyValues prefix;
  private final @Nullable Gates gates;
  private final double dropout;

  /**
   * Creates the attention of one layer.
   *
   * @param prefix the prefix of all layers
   * @param layer index of the layer in the prefix
   * @param gates number of gates: 0, 1 for both keys and values, or 2
   * @param d D
   * @param dropout probability that an element of the keys and values is dropped, in [0, 1)
   */
  AdapterHubPrefixAttention(
      SharedTensor prefix, int layer, int gates, long d, double dropout, Initializer initial) {
    this.prefix = new PastKeyValues(reads(prefix), layer);
    this.gates = gates > 0 ? gates(gates, d, initial) : null;
    this.dropout = dropout;
  }

  private Gates gates(long count, long d, Initializer initial) {
    return new Gates(
        trainable("prefix_gates.weight", initial.normal(0.02, count, d)),
        trainable("prefix_gates.bias", initial.uniform(1 / Math.sqrt((double) d), count)),
        GATE.with("gate", 0),
        GATE.with("gate", -1));
  }

  @Override
  public @Nullable String whyOneTextPerRow() {
    return gates == null ? null : "the gate of a prefix is a mean over a row's tokens";
  }

  @Override
  public @Nullable String whyWholeBatches() {
    return gates == null ? null : whyOneTextPerRow() + ", with the padding that its batch needs";
  }

  @Override
  public NDArray forward(AttentionSite.Input in, Forward<AttentionSite.Input, NDArray> base) {
    NDArray keys = drop(prefix.keys(base.context()), in.hidden(), base.context());
    NDArray values = drop(prefix.values(base.context()), in.hidden(), base.context());
    if (gates != null) {
      NDArray w = gates.weight().value();
      NDArray b = gates.bias().value();
      keys = gates.ofKeys().call(keys, in.hidden(), w, b);
      values = gates.ofValues().call(values, in.hidden(), w, b);
    }
    return base.forward(in.prepend(keys, values));
  }

  private NDArray drop(NDArray p, NDArray x, ForwardContext context) {
    return isTraining(context) && dropout > 0
        ? Dropout.of(dropout).call(FOR_EACH_ROW.call(p, x))
        : p;
  }
}
