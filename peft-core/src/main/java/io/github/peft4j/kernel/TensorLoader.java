package io.github.peft4j.kernel;

import ai.djl.Device;
import ai.djl.ndarray.NDArray;
import ai.djl.ndarray.NDManager;
import ai.djl.ndarray.types.Shape;
import io.github.peft4j.io.DType;
import io.github.peft4j.io.FileRegion;
import io.github.peft4j.io.TensorInfo;
import io.github.peft4j.io.TensorSource;
import java.util.Map;
import java.util.Optional;

/**
 * Loads tensors from files onto a device, one at a time. If a file stores a tensor in its memory
 * layout, PyTorch maps the file and copies from there. This has no limit of 2 GiB and makes no copy
 * in Java. All other tensors are converted through Java floats.
 */
public final class TensorLoader implements AutoCloseable {

  private static final Kernel LOAD =
      Kernel.of(
          """
          def load(like: Tensor, start: Tensor, count: Tensor) -> Tensor:
              n = int(count)
              end = int(start) + n
              x = torch.from_file("{path}", False, end, dtype={dtype}, layout=None, device=torch.device("cpu"), pin_memory=False)
              return torch.to(torch.narrow(x, 0, int(start), n), like, False, True)
          """);

  private static final Map<DType, Precision> MAPPED =
      Map.of(
          DType.F32, Precision.FLOAT32,
          DType.BF16, Precision.BFLOAT16,
          DType.F16, Precision.FLOAT16,
          DType.F64, Precision.FLOAT64);

  private final NDManager manager;
  private final NDArray like;
  private final Precision precision;

  /**
   * Creates a loader.
   *
   * @param manager owns the tensors and determines their device
   * @param precision the precision of the tensors
   */
  public TensorLoader(NDManager manager, Precision precision) {
    this.manager = manager;
    this.precision = precision;
    this.like = Scope.release(Tensors.zeros(manager, precision, 1));
  }

  /** The precision of the loaded tensors. */
  public Precision precision() {
    return precision;
  }

  /** The manager that owns the loaded tensors. */
  public NDManager manager() {
    return manager;
  }

  /**
   * Loads a floating-point tensor in its stored shape.
   *
   * @throws IllegalArgumentException if the tensor holds integers
   */
  public NDArray load(TensorSource source, String name) {
    TensorInfo info = source.info(name);
    if (!info.dtype().isFloating()) {
      throw new IllegalArgumentException(
          "tensor " + info + " holds whole numbers; expected a floating-point tensor");
    }
    Shape shape = new Shape(info.shape());
    Optional<FileRegion> region = source.region(name);
    Precision stored = MAPPED.get(info.dtype());
    if (region.isPresent()
        && stored != null
        && info.elementCount() > 0
        && region.get().offset() % stored.bytes() == 0) {
      return map(region.get(), stored, info.elementCount(), shape);
    }
    return create(source.floats(name), shape);
  }

  /** Creates a tensor from row-major Java values. */
  public NDArray create(float[] values, Shape shape) {
    NDArray array = Scope.release(manager.create(values, shape));
    if (precision == Precision.FLOAT32) {
      return array;
    }
    try (array) {
      return Scope.release(Tensors.cast(array, precision));
    }
  }

  private NDArray map(FileRegion region, Precision stored, long count, Shape shape) {
    String path =
        region
            .path()
            .toAbsolutePath()
            .toString()
            .replace("\\", "\\\\")
            .replace("\"", "\\\"")
            .replace("\n", "\\n");
    Kernel load = LOAD.with("dtype", stored.scalarType()).with("path", path);
    try (Scope scope = new Scope()) {
      NDArray start = host(region.offset() / stored.bytes());
      NDArray flat = load.call(like, start, host(count));
      scope.keep(flat);
      NDArray shaped = Scope.release(flat.reshape(shape));
      flat.close();
      return shaped;
    }
  }

  private NDArray host(long value) {
    return manager.create(value).toDevice(Device.cpu(), false);
  }

  @Override
  public void close() {
    like.close();
  }
}
