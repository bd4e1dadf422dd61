package io.github.peft4j.kernel;

import ai.djl.Device;
import ai.djl.ndarray.NDArray;
import ai.djl.ndarray.NDManager;
import ai.djl.ndarray.types.Shape;

/**
 * Draws of PyTorch's CPU generator, for what Hugging Face PEFT draws anew from a seed instead of
 * saving it. Draws follow each other as they do with one {@code torch.Generator}.
 */
public final class TorchRandom implements AutoCloseable {

  private static final Kernel UNIFORM =
      Kernel.of(
          """
          def uniform(x: Tensor) -> Tensor:
              return torch.uniform_(x, -{bound}, {bound})
          """);
  private static final Kernel NORMAL =
      Kernel.of(
          """
          def normal(rows: Tensor, columns: Tensor) -> Tensor:
              return torch.randn([int(rows), int(columns)], dtype={dtype}, layout=None, device=torch.device("cpu"), pin_memory=False)
          """);
  private static final Kernel PERMUTATION =
      Kernel.of(
          """
          def permutation(n: Tensor) -> Tensor:
              return torch.randperm(int(n), dtype=4, layout=None, device=torch.device("cpu"), pin_memory=False)
          """);

  private final RandomState state;

  /** Starts from a seed, until it is closed, as {@code torch.Generator().manual_seed} does. */
  public TorchRandom(long seed) {
    Tensors.engineManager(); // loads the engine
    this.state = RandomState.seeded(seed);
  }

  /** Lets other threads draw. */
  @Override
  public void close() {
    state.close();
  }

  /** Numbers between -bound and bound: {@code tensor.uniform_}. */
  public float[] uniform(double bound, int count) {
    try (NDManager manager = Tensors.newManager(Device.cpu())) {
      NDArray drawn =
          Autograd.without(
              () -> UNIFORM.with("bound", bound).call(manager.zeros(new Shape(count))));
      return drawn.toFloatArray();
    }
  }

  /**
   * Normal numbers: {@code torch.randn}, whose draws differ between precisions.
   *
   * @param manager owns the result and says on which device it lies
   */
  public NDArray normal(NDManager manager, Precision precision, long rows, long columns) {
    NDArray drawn =
        Autograd.without(
            () ->
                NORMAL
                    .with("dtype", precision.scalarType())
                    .call(Tensors.scalar(rows), Tensors.scalar(columns)));
    NDArray there = drawn.toDevice(manager.getDevice(), false);
    there.attach(manager);
    return there;
  }

  /** The numbers below n in random order: {@code torch.randperm}. */
  public long[] permutation(long n) {
    try (NDManager manager = Tensors.newManager(Device.cpu())) {
      return PERMUTATION.call(manager.create(n)).toLongArray();
    }
  }
}
