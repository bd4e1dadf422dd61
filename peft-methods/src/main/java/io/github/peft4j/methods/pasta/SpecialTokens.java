package io.github.peft4j.methods.pasta;

import ai.djl.ndarray.NDArray;
import io.github.peft4j.kernel.Dropout;
import io.github.peft4j.kernel.Kernel;
import io.github.peft4j.kernel.Ops;
import io.github.peft4j.kernel.Tensors;
import io.github.peft4j.tuner.Forward;
import io.github.peft4j.tuner.ForwardContext;
import io.github.peft4j.tuner.Trainable;
import io.github.peft4j.tuner.TunerLayer;
import java.util.List;

/**
 * y = layer(x + e), where e is the vector E_j at the j-th special token of a text, and 0 elsewhere.
 */
final class SpecialTokens extends TunerLayer<NDArray, NDArray> {

  /**
   * Which special token of its text each token is, from 1; 0 for other tokens and those after n.
   */
  private static final Kernel NUMBERS =
      Kernel.of(
          """
          def numbers(ids: Tensor, special: Tensor, n: Tensor) -> Tensor:   # (B, T) → (B, T)
              found = torch.isin(ids, special)
              number = torch.mul(torch.cumsum(found.to(4), 1), found.to(4))
              return torch.where(torch.le(number, n), number, torch.zeros_like(number))
          """);

  /** Padding, which a tokenizer may fill with a special token, is none. */
  private static final Kernel UNMASKED =
      Kernel.of(
          """
          def unmasked(ids: Tensor, mask: Tensor) -> Tensor:                # mask (B, past + T)
              return torch.where(torch.gt(mask[:, -torch.size(ids, 1):], 0), ids, torch.full_like(ids, -1))
          """);

  /** The vectors of the tokens, with rows of zeros for the v virtual tokens before them. */
  private static final Kernel VECTORS =
      Kernel.of(
          """
          def vectors(e: Tensor, numbers: Tensor, x: Tensor) -> Tensor:     # (n, D), (B, T) → (B, v + T, D)
              table = torch.constant_pad_nd(e, [0, 0, 1, 0], 0.)
              found = torch.index_select(table, 0, torch.reshape(numbers, [-1]))
              shape = [torch.size(numbers, 0), torch.size(numbers, 1), torch.size(e, 1)]
              virtual = torch.size(x, 1) - torch.size(numbers, 1)
              return torch.constant_pad_nd(torch.reshape(found, shape), [0, 0, virtual, 0], 0.).to(x.dtype)
          """);

  private final Trainable e;
  private final long[] ids;
  private final double dropout;

  /**
   * Creates a layer.
   *
   * @param initial E (n, D)
   * @param ids of special tokens
   */
  SpecialTokens(NDArray initial, List<Integer> ids, double dropout) {
    this.e = trainable("special_token_embedding.weight", initial);
    this.ids = ids.stream().mapToLong(Integer::longValue).toArray();
    this.dropout = dropout;
  }

  @Override
  public NDArray forward(NDArray x, Forward<NDArray, NDArray> base) { // x (B, v + T, D)
    if (base.context().past() > 0) {
      return base.forward(x); // tokens that are generated are none of the text's special tokens
    }
    NDArray vectors = VECTORS.call(e.value(), numbers(base.context()), x);
    if (dropout > 0 && isTraining(base.context())) {
      vectors = Dropout.of(dropout).call(vectors);
    }
    return base.forward(Ops.add(x, vectors));
  }

  private NDArray numbers(ForwardContext context) {
    NDArray tokens = context.ids();
    NDArray mask = context.mask();
    NDArray known = mask == null ? tokens : UNMASKED.call(tokens, mask);
    NDArray n = Tensors.scalar(e.value().getShape().get(0));
    return NUMBERS.call(known, tokens.getManager().create(ids), n);
  }

  @Override
  public String whyOneTextPerRow() {
    return "PASTA counts the special tokens of a row";
  }
}
