package io.github.peft4j.methods.common.prompt;

import ai.djl.ndarray.NDArray;
import io.github.peft4j.kernel.Kernel;
import io.github.peft4j.tuner.ForwardContext;
import io.github.peft4j.tuner.SharedTensor;

/**
 * The keys and values (1, K, n, d) that one layer prepends to its own. Those of all layers are one
 * tensor (2 L, K, n, d): the keys of the first layer, its values, the keys of the next layer, and
 * so on.
 */
public final class PastKeyValues {

  private static final Kernel SPLIT =
      Kernel.of(
          """
          def split(p: Tensor) -> Tensor:                        # p of n · 2 L · K · d numbers
              return torch.permute(torch.reshape(p, [{n}, {slots}, {heads}, -1]), [1, 2, 0, 3])
          """);
  private static final Kernel SLOT =
      Kernel.of(
          """
          def slot(all: Tensor) -> Tensor:                       # (2 L, K, n, d) → (1, K, n, d)
              return torch.narrow(all, 0, {slot}, 1)
          """);

  private final SharedTensor all;
  private final Kernel key;
  private final Kernel value;

  /**
   * The keys and values of one layer.
   *
   * @param all the tensor of all layers, which the layer declares as shared
   * @param layer index of the layer in that tensor
   */
  public PastKeyValues(SharedTensor all, int layer) {
    this.all = all;
    this.key = SLOT.with("slot", 2 * layer);
    this.value = SLOT.with("slot", 2 * layer + 1);
  }

  /**
   * The kernel that turns a table (n, 2 L · K · d) into the tensor of all layers.
   *
   * @param n number of virtual tokens
   * @param layers L
   * @param heads K
   */
  public static Kernel split(long n, int layers, long heads) {
    return SPLIT.with("n", n).with("slots", 2 * layers).with("heads", heads);
  }

  /**
   * The position of a layer's keys and values in the table of a Hugging Face PEFT adapter. For an
   * encoder-decoder, PEFT sizes the table for the encoder's layers but reads it as if each layer of
   * the decoder also had keys and values for its cross-attention. A layer therefore gets every
   * other of the L positions, starting again after the last.
   *
   * @param layer index of the layer in the last stack
   * @param stacks 2 for an encoder-decoder, else 1
   * @param layers L
   */
  public static int placeInPeft(int layer, int stacks, int layers) {
    return stacks * layer % layers;
  }

  /** The keys (1, K, n, d) in a forward pass. */
  public NDArray keys(ForwardContext context) {
    return key.call(context.value(all));
  }

  /** The values (1, K, n, d) in a forward pass. */
  public NDArray values(ForwardContext context) {
    return value.call(context.value(all));
  }
}
