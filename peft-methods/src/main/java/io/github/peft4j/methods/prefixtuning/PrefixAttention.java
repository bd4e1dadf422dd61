package io.github.peft4j.methods.prefixtuning;

import ai.djl.ndarray.NDArray;
import io.github.peft4j.kernel.Kernel;
import io.github.peft4j.tuner.AttentionSite;
import io.github.peft4j.tuner.Forward;
import io.github.peft4j.tuner.Shared;
import io.github.peft4j.tuner.TunerLayer;

/** attention(q, [Kp; K], [Vp; V]), with Kp and Vp (K, n, d) out of the prefix. */
public final class PrefixAttention extends TunerLayer<AttentionSite.Input, NDArray> {

  private static final Kernel SLOT =
      Kernel.of(
          """
          def slot(slots: Tensor) -> Tensor:                     # (S, K, n, d) → (1, K, n, d)
              return torch.narrow(slots, 0, {slot}, 1)
          """);

  private final Shared slots;
  private final Kernel key;
  private final Kernel value;

  /**
   * Creates the attention of one layer.
   *
   * @param slot of the keys; the values' is the next one
   */
  public PrefixAttention(Shared slots, int slot) {
    this.slots = reads(slots);
    this.key = SLOT.with("slot", slot);
    this.value = SLOT.with("slot", slot + 1);
  }

  @Override
  public NDArray forward(AttentionSite.Input in, Forward<AttentionSite.Input, NDArray> base) {
    NDArray prefix = in.run().value(slots);
    return base.forward(in.prepend(key.call(prefix), value.call(prefix)));
  }
}
