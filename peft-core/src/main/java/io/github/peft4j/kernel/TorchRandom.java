package io.github.peft4j.kernel;

import ai.djl.Device;
import ai.djl.ndarray.NDArray;
import ai.djl.ndarray.NDManager;
import ai.djl.ndarray.types.Shape;

/**
 * Draws from PyTorch's CPU generator, for values that Hugging Face PEFT draws again from a seed
 * instead of saving them. Successive draws are those of one {@code torch.Generator}.
 */
public final class TorchRandom implements AutoCloseable {

  private static final Kernel UNIFORM =
      Kernel.of(
          """
          def uniform(x: Tensor) -> Tensor:
              return torch.uniform_(x, {low}, {high})
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

  /**
   * Seeds the generator, as {@code torch.Generator().manual_seed} does, and locks it until this is
   * closed.
   */
  public TorchRandom(long seed) {
    Tensors.engineManager(); // loads the engine
    this.state = RandomState.onHost(seed);
  }

  /** Lets other threads draw. */
  @Override
  public void close() {
    state.close();
  }

  /** Uniform numbers between -bound and bound, as {@code tensor.uniform_} draws them. */
  public float[] uniform(double bound, int count) {
    return uniform(-bound, bound, count);
  }

  /** Uniform numbers in [low, high), as {@code tensor.uniform_} draws them. */
  public float[] uniform(double low, double high, int count) {
    try (NDManager manager = Tensors.newManager(Device.cpu())) {
      Kernel uniform = UNIFORM.with("low", low).with("high", high);
      return Autograd.without(() -> uniform.call(manager.zeros(new Shape(count)))).toFloatArray();
    }
  }

  /**
   * Standard normal numbers (rows, columns), as {@code torch.randn} draws them in this precision.
   *
   * @param manager owns the result and determines its device
   */
  public NDArray normal(NDManager manager, Precision precision, long rows, long columns) {
    try (Scope scope = new Scope()) {
      NDArray drawn =
          Autograd.without(
              () ->
                  NORMAL
                      .with("dtype", precision.scalarType())
                      .call(Tensors.scalar(rows), Tensors.scalar(columns)));
      NDArray there = drawn.toDevice(manager.getDevice(), false);
      there.attach(manager);
      return scope.keep(there);
    }
  }

  /** The numbers from 0 to n - 1 in random order, as {@code torch.randperm} draws them. */
  public long[] permutation(long n) {
    try (NDManager manager = Tensors.newManager(Device.cpu())) {
      return PERMUTATION.call(manager.create(n)).toLongArray();
    }
  }
}
