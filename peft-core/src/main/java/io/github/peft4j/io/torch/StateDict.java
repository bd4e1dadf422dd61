package io.github.peft4j.io.torch;

import io.github.peft4j.io.DType;
import io.github.peft4j.io.TensorInfo;
import java.nio.ByteBuffer;
import java.util.Arrays;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import org.jspecify.annotations.Nullable;

/**
 * The tensors that a pickle describes. Of all functions of Python it knows those with which PyTorch
 * describes a tensor; as with {@code torch.load(weights_only=True)}, any other is refused by name.
 */
final class StateDict implements Pickle.Meaning {

  private static final Map<String, DType> STORAGES =
      Map.of(
          "torch.FloatStorage", DType.F32,
          "torch.DoubleStorage", DType.F64,
          "torch.HalfStorage", DType.F16,
          "torch.BFloat16Storage", DType.BF16,
          "torch.LongStorage", DType.I64,
          "torch.IntStorage", DType.I32,
          "torch.ShortStorage", DType.I16,
          "torch.CharStorage", DType.I8,
          "torch.ByteStorage", DType.U8,
          "torch.BoolStorage", DType.BOOL);

  /** The key of NumPy's name of a type. */
  private static final String DTYPE = "dtype";

  /** What names within each other are joined by. */
  private static final String WITHIN = "/";

  private final Object file;
  private final boolean nested;
  private final Map<String, Storage> storages = new LinkedHashMap<>();
  private final Map<String, long[]> numbers = new LinkedHashMap<>();

  /**
   * Elements that tensors share.
   *
   * @param key its name in the file
   * @param count of elements
   */
  record Storage(DType dtype, String key, long count) {
    /** The size in bytes, or -1 if it overflows. */
    long bytes() {
      return count > Long.MAX_VALUE / dtype.bytes() ? -1 : count * dtype.bytes();
    }
  }

  /**
   * A storage, or a part of it, as files before PyTorch 0.4 have it.
   *
   * @param start the first element
   */
  private record View(Storage storage, long start) {}

  /** What {@code torch._utils._rebuild_tensor_v2} makes; offset and strides are in elements. */
  private record Layout(View view, long offset, long[] sizes, long[] strides) {}

  /**
   * A tensor by name.
   *
   * @param storage that holds its elements
   * @param offset of the first element there
   * @param strides the distance of neighbours in each dimension, in elements
   */
  record Tensor(TensorInfo info, Storage storage, long offset, long[] strides) {

    /** Whether elements lie one after the other. */
    boolean isContiguous() {
      long stride = 1;
      for (int i = strides.length - 1; i >= 0; i--) {
        long size = info.shape()[i];
        if (size > 1 && strides[i] != stride) {
          return false;
        }
        stride *= Math.max(1, size);
      }
      return true;
    }

    /** The number of elements from the first to the last, those between them included. */
    long span() {
      if (info.elementCount() == 0) {
        return 0;
      }
      long last = 0;
      for (int i = 0; i < strides.length; i++) {
        last = Math.addExact(last, Math.multiplyExact(info.shape()[i] - 1, strides[i]));
      }
      return Math.addExact(last, 1);
    }
  }

  private StateDict(Object file, boolean nested) {
    this.file = file;
    this.nested = nested;
  }

  /**
   * What a file holds.
   *
   * @param tensors by name, in the order of the file
   * @param storages that they are in, by key
   * @param numbers lists of whole numbers by name, of nested dictionaries
   */
  record Content(
      Map<String, Tensor> tensors, Map<String, Storage> storages, Map<String, long[]> numbers) {}

  /**
   * Reads a pickled dictionary of tensors.
   *
   * @param file what messages begin with
   * @throws TorchFileException if it holds anything else, or a tensor that leaves its storage
   */
  static Content read(Object file, ByteBuffer pickle) {
    StateDict dict = new StateDict(file, false);
    Map<String, Tensor> tensors = dict.tensors(Pickle.read(file, pickle, dict));
    return new Content(tensors, dict.storages, Map.of());
  }

  /**
   * Reads a pickled dictionary of dictionaries, whose values are tensors and lists of whole
   * numbers, NumPy's among them. Names are joined by slashes.
   *
   * @throws TorchFileException if it holds anything else
   */
  static Content readNested(Object file, ByteBuffer pickle) {
    StateDict dict = new StateDict(file, true);
    Map<String, Tensor> tensors = new LinkedHashMap<>();
    dict.collect("", Pickle.read(file, pickle, dict), tensors);
    return new Content(tensors, dict.storages, dict.numbers);
  }

  private void collect(String name, Object value, Map<String, Tensor> tensors) {
    if (value instanceof Map<?, ?> map) {
      map.forEach(
          (key, within) ->
              collect(name.isEmpty() ? "" + key : name + WITHIN + key, within, tensors));
    } else if (value instanceof Layout layout) {
      tensors.put(name, tensor(name, layout));
    } else if (value instanceof List<?> list && list.stream().allMatch(Long.class::isInstance)) {
      numbers.put(name, longs(list));
    } else {
      throw TorchFileException.unsupported(
          file, "an entry '" + name + "' that is neither a tensor nor whole numbers");
    }
  }

  private Map<String, Tensor> tensors(Object root) {
    if (!(root instanceof Map<?, ?> map)) {
      throw TorchFileException.unsupported(file, "a single value at the top");
    }
    Map<String, Tensor> tensors = new LinkedHashMap<>();
    map.forEach(
        (name, value) -> {
          if (!(name instanceof String key) || !(value instanceof Layout layout)) {
            throw TorchFileException.unsupported(
                file,
                "an entry '"
                    + name
                    + "' that is "
                    + (value instanceof Map ? "a dictionary" : "no tensor"));
          }
          tensors.put(key, tensor(key, layout));
        });
    return tensors;
  }

  private Tensor tensor(String name, Layout layout) {
    try {
      Storage storage = layout.view().storage();
      TensorInfo info = new TensorInfo(name, storage.dtype(), layout.sizes());
      long offset = Math.addExact(layout.view().start(), layout.offset());
      Tensor tensor = new Tensor(info, storage, offset, layout.strides());
      if (offset < 0
          || Arrays.stream(layout.strides()).anyMatch(stride -> stride < 0)
          || Math.addExact(offset, tensor.span()) > storage.count()) {
        throw TorchFileException.damaged(
            file,
            "tensor %s, from element %d with strides %s, leaves its storage %s of %d elements"
                .formatted(
                    info,
                    offset,
                    Arrays.toString(layout.strides()),
                    storage.key(),
                    storage.count()));
      }
      return tensor;
    } catch (TorchFileException e) {
      throw e;
    } catch (IllegalArgumentException | ArithmeticException e) {
      throw TorchFileException.damaged(file, "tensor " + name + ": " + e.getMessage(), e);
    }
  }

  /** ('storage', class, key, device, count[, (key of the view, first element, count)]). */
  @Override
  public Object persistent(List<?> id) {
    if (!id.get(0).equals("storage")) {
      throw TorchFileException.unsupported(file, "a whole " + id.get(0));
    }
    String type = ((Pickle.Global) id.get(1)).name();
    DType dtype = STORAGES.get(type);
    if (dtype == null) {
      throw TorchFileException.unsupported(file, "a " + type);
    }
    Storage storage = new Storage(dtype, (String) id.get(2), (Long) id.get(4));
    if (storage.count() < 0 || storage.bytes() < 0) {
      throw TorchFileException.damaged(
          file, "storage %s has %d elements".formatted(storage.key(), storage.count()));
    }
    Storage known = storages.putIfAbsent(storage.key(), storage);
    if (known != null && !known.equals(storage)) {
      throw TorchFileException.damaged(
          file, "storage %s is %s and %s".formatted(storage.key(), known, storage));
    }
    boolean part = id.size() > 5 && id.get(5) != Pickle.NONE;
    return new View(storage, part ? (Long) ((List<?>) id.get(5)).get(1) : 0);
  }

  @Override
  public Object call(String function, List<?> arguments) {
    return switch (function) {
      case "collections.OrderedDict" -> new LinkedHashMap<Object, Object>();
      case "torch.Size" -> arguments.get(0);
      case "torch._utils._rebuild_parameter", "torch._utils._rebuild_parameter_with_state" ->
          arguments.get(0);
      case "torch._utils._rebuild_tensor", "torch._utils._rebuild_tensor_v2" -> layout(arguments);
      case "numpy.dtype" ->
          requireNested(function, new LinkedHashMap<>(Map.of(DTYPE, arguments.get(0))));
      case "_codecs.encode" -> requireNested(function, arguments.get(0));
      case "numpy.core.multiarray.scalar", "numpy._core.multiarray.scalar" ->
          requireNested(function, number((Map<?, ?>) arguments.get(0), (String) arguments.get(1)));
      default ->
          throw TorchFileException.unsupported(
              file, "a call of " + function + ", which makes no tensor that is known here");
    };
  }

  private Object requireNested(String function, Object result) {
    if (!nested) {
      throw TorchFileException.unsupported(
          file, "a call of " + function + ", which makes no tensor that is known here");
    }
    return result;
  }

  /** A whole number of NumPy, of 64 bits: its bytes are characters, little-endian. */
  private long number(Map<?, ?> type, String bytes) {
    if (!"i8".equals(type.get(DTYPE)) || bytes.length() != Long.BYTES) {
      throw TorchFileException.unsupported(file, "a number of NumPy's type " + type.get(DTYPE));
    }
    long value = 0;
    for (int i = Long.BYTES - 1; i >= 0; i--) {
      value = value << 8 | (bytes.charAt(i) & 0xff);
    }
    return value;
  }

  /** (storage, offset, sizes, strides, …). */
  private static Layout layout(List<?> arguments) {
    long[] sizes = longs(arguments.get(2));
    long[] strides = longs(arguments.get(3));
    if (sizes.length != strides.length) {
      throw new IndexOutOfBoundsException("sizes and strides");
    }
    return new Layout((View) arguments.get(0), (Long) arguments.get(1), sizes, strides);
  }

  private static long[] longs(@Nullable Object tuple) {
    return ((List<?>) Objects.requireNonNull(tuple))
        .stream().mapToLong(item -> (Long) item).toArray();
  }
}
