package io.github.peft4j.methods.common.prompt;

import ai.djl.ndarray.NDArray;
import io.github.peft4j.kernel.Kernel;
import io.github.peft4j.tuner.ForwardContext;
import io.github.peft4j.tuner.SharedTensor;

/**
 * The keys and values (1, K, n, d) that one layer has before its own: those of all layers are one
 * tensor (2 L, K, n, d), which holds the keys of the first layer, its values, the keys of the next,
 * and so on.
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
   * Those of one layer.
   *
   * @param all those of all layers, which a layer declares that it reads
   * @param layer the index of the layer in them
   */
  public PastKeyValues(SharedTensor all, int layer) {
    this.all = all;
    this.key = SLOT.with("slot", 2 * layer);
    this.value = SLOT.with("slot", 2 * layer + 1);
  }

  /**
   * The kernel that makes the tensor of all layers out of a table [n, 2 L · K · d].
   *
   * @param n virtual tokens
   * @param layers L
   * @param heads K
   */
  public static Kernel split(long n, int layers, long heads) {
    return SPLIT.with("n", n).with("slots", 2 * layers).with("heads", heads);
  }

  /**
   * Where a layer's keys and values are in the table of an adapter of Hugging Face PEFT. An
   * encoder-decoder's table is made for the layers of the encoder, and PEFT hands it out twice
   * over, as if the decoder's layers had keys and values of cross-attention besides: of its L
   * places, a layer gets every other, from the start again after the last.
   *
   * @param layer index of the layer in the last stack
   * @param stacks 2 for an encoder and a decoder, else 1
   * @param layers L
   */
  public static int placeInPeft(int layer, int stacks, int layers) {
    return stacks * layer % layers;
  }

  /** The keys of a pass. */
  public NDArray keys(ForwardContext context) {
    return key.call(context.value(all));
  }

  /** The values of a pass. */
  public NDArray values(ForwardContext context) {
    return value.call(context.value(all));
  }
}
