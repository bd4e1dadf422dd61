package io.github.peft4j.methods.prefixtuning;

import ai.djl.ndarray.NDArray;
import io.github.peft4j.kernel.Kernel;
import io.github.peft4j.tuner.ForwardContext;
import io.github.peft4j.tuner.Shared;

/** One layer's keys and values (1, K, n, d) out of those of all layers, (S, K, n, d). */
public final class PrefixSlots {

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
   * Two slots of a prefix.
   *
   * @param slots which a layer declares that it reads
   * @param slot of the keys; the values' is the next one
   */
  public PrefixSlots(Shared slots, int slot) {
    this.slots = slots;
    this.key = SLOT.with("slot", slot);
    this.value = SLOT.with("slot", slot + 1);
  }

  /** The keys of a pass. */
  public NDArray keys(ForwardContext context) {
    return key.call(context.value(slots));
  }

  /** The values of a pass. */
  public NDArray values(ForwardContext context) {
    return value.call(context.value(slots));
  }
}
