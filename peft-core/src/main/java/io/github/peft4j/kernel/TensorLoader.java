package io.github.peft4j.kernel;

import ai.djl.engine.EngineException;
import ai.djl.ndarray.NDArray;
import ai.djl.ndarray.NDManager;
import ai.djl.ndarray.types.Shape;
import io.github.peft4j.io.DType;
import io.github.peft4j.io.FileRegion;
import io.github.peft4j.io.TensorInfo;
import io.github.peft4j.io.TensorSource;
import java.nio.charset.StandardCharsets;
import java.util.Map;
import java.util.Optional;

/**
 * Loads tensors from files onto a device, one at a time. If a file stores a tensor in its memory
 * layout, PyTorch maps the file and converts from there. The bytes of other tensors go to PyTorch
 * in slices. Either way a tensor of any size needs no memory but its own, and none of Java's heap.
 */
public final class TensorLoader implements AutoCloseable {

  /** A path comes as the bytes of its UTF-8: as a constant, it would compile a kernel per file. */
  private static final Kernel MAP =
      Kernel.of(
          """
          def map(like: Tensor, path: Tensor, start: Tensor, count: Tensor) -> Tensor:
              n = int(count)
              end = int(start) + n
              characters = annotate(List[str], [])
              for i in range(torch.numel(path)):
                  _0 = torch.append(characters, torch.chr(int(torch.select(path, 0, i))))
              file = torch.join("", characters)
              x = torch.from_file(file, False, end, dtype={dtype}, layout=None, device=torch.device("cpu"), pin_memory=False)
              return torch.to(torch.narrow(x, 0, int(start), n), like, False, True)
          """);

  private static final Kernel LIKE =
      Kernel.of(
          """
          def like(x: Tensor) -> Tensor:
              return torch.new_empty(x, [1], dtype={dtype})
          """);

  /** The values of {@code c10::ScalarType}. */
  private static final Map<DType, Integer> STORED =
      Map.of(
          DType.U8,
          0,
          DType.I8,
          1,
          DType.I32,
          3,
          DType.I64,
          4,
          DType.F16,
          Precision.FLOAT16.scalarType(),
          DType.F32,
          Precision.FLOAT32.scalarType(),
          DType.F64,
          Precision.FLOAT64.scalarType(),
          DType.BF16,
          Precision.BFLOAT16.scalarType());

  /** Is told of every tensor that is loaded. */
  @FunctionalInterface
  public interface Listener {
    /** Called after a tensor is on its device. */
    void loaded(TensorInfo info);
  }

  private final NDManager manager;
  private final NDArray like;
  private final Precision precision;
  private final Listener listener;

  /**
   * Creates a loader.
   *
   * @param manager owns the tensors and determines their device
   * @param precision the precision of the tensors
   */
  public TensorLoader(NDManager manager, Precision precision) {
    this(manager, precision, info -> {});
  }

  /**
   * Creates a loader.
   *
   * @param manager owns the tensors and determines their device
   * @param precision the precision of the tensors
   * @param listener is told of every tensor
   */
  public TensorLoader(NDManager manager, Precision precision, Listener listener) {
    this.manager = manager;
    this.precision = precision;
    this.listener = listener;
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
    return load(source, info, like);
  }

  /**
   * Loads a tensor in its stored shape and in the type that it has in the file.
   *
   * @throws IllegalArgumentException for types that DJL cannot make: I16 and BOOL
   */
  public NDArray loadStored(TensorSource source, String name) {
    return loadAs(source, source.info(name));
  }

  /** Loads the bytes of a tensor of any type, as uint8 (n). */
  public NDArray loadBytes(TensorSource source, String name) {
    TensorInfo info = source.info(name);
    return loadAs(source, new TensorInfo(name, DType.U8, new long[] {info.byteCount()}));
  }

  private NDArray loadAs(TensorSource source, TensorInfo info) {
    try (NDArray typed = LIKE.with("dtype", scalarType(info)).call(like)) {
      return load(source, info, typed);
    }
  }

  private static int scalarType(TensorInfo info) {
    Integer type = STORED.get(info.dtype());
    if (type == null) {
      throw new IllegalArgumentException(
          "tensor " + info + " has a type that is not loaded; expected one of " + STORED.keySet());
    }
    return type;
  }

  private NDArray load(TensorSource source, TensorInfo info, NDArray target) {
    NDArray loaded;
    try (Scope scope = new Scope()) {
      NDArray flat = flat(source, info, target);
      loaded = Scope.release(flat.reshape(new Shape(info.shape())));
    }
    listener.loaded(info);
    return loaded;
  }

  private static NDArray flat(TensorSource source, TensorInfo info, NDArray target) {
    Optional<FileRegion> region = source.region(info.name());
    if (region.isPresent()
        && info.elementCount() > 0
        && region.get().offset() % info.dtype().bytes() == 0) {
      return map(region.get(), info, target);
    }
    TensorFilling filling = new TensorFilling(target, info);
    source.read(info.name(), filling);
    return filling.finish();
  }

  private static NDArray map(FileRegion region, TensorInfo info, NDArray target) {
    region.requireThere();
    byte[] path = region.path().toAbsolutePath().toString().getBytes(StandardCharsets.UTF_8);
    int[] bytes = new int[path.length];
    for (int i = 0; i < path.length; i++) {
      bytes[i] = Byte.toUnsignedInt(path[i]);
    }
    try {
      return MAP.with("dtype", scalarType(info))
          .call(
              target,
              Tensors.onHost(bytes),
              Tensors.scalar(region.offset() / info.dtype().bytes()),
              Tensors.scalar(info.elementCount()));
    } catch (EngineException e) {
      region.requireThere(); // the better error, if that is the reason
      throw e;
    }
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

  @Override
  public void close() {
    like.close();
  }
}
