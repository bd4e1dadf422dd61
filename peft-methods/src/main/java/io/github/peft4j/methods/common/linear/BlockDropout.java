package io.github.peft4j.methods.common.linear;

import ai.djl.ndarray.NDArray;
import io.github.peft4j.kernel.Kernel;

/**
 * Multiplicative dropout of block rotations (Liu et al. 2023, arXiv:2311.06243, section 5; PEFT's
 * MultiplicativeDropoutLayer). In a training step, ⌊p n⌋ of the n blocks of one layer are the
 * identity; the layer and the blocks are drawn at random. A block is a function of a skew-symmetric
 * Q that is the identity at Q = 0, so the dropout sets Q to zero. The draws come from PyTorch's
 * generator, which the tape seeds.
 */
public final class BlockDropout {

  private static final Kernel DROP =
      Kernel.of(
          """
          def drop(q: Tensor) -> Tensor:                                   # q (layers, blocks, …)
              order = torch.randperm({blocks}, dtype=4, layout=None, device=q.device)
              drawn = torch.randint({layers}, [1], dtype=4, layout=None, device=q.device)
              layers = torch.arange({layers}, dtype=4, layout=None, device=q.device)
              layer = torch.unsqueeze(torch.eq(layers, drawn), 1)
              identity = torch.logical_and(layer, torch.lt(order, {count}))     # (layers, blocks)
              keep = torch.reshape(torch.logical_not(identity).to(q.dtype), [-1, 1])
              blocks = torch.reshape(q, [{layers} * {blocks}, -1])
              return torch.reshape(torch.mul(blocks, keep), torch.size(q))
          """);

  private final boolean drops;
  private final Kernel drop;

  /**
   * Creates the dropout of one module.
   *
   * @param p fraction of a layer's blocks that are dropped, in [0, 1)
   * @param layers number of butterfly layers
   * @param blocks number of blocks in each layer
   */
  public BlockDropout(double p, int layers, long blocks) {
    int count = (int) (p * blocks);
    this.drops = count > 0;
    this.drop = DROP.with("layers", layers).with("blocks", blocks).with("count", count);
  }

  /** Whether any block is ever dropped. The fraction of a few blocks may be less than one block. */
  public boolean drops() {
    return drops;
  }

  /**
   * The matrices, with newly drawn ones set to zero.
   *
   * @param q [layers, blocks, …], or [blocks, …] for one layer
   */
  public NDArray drop(NDArray q) {
    return drop.call(q);
  }
}
