package io.github.peft4j.kernel.cuda;

import java.util.ArrayList;
import java.util.List;
import org.jspecify.annotations.Nullable;

/**
 * A tensor on a CUDA device, as a CUDA text sees it.
 *
 * @param address of the first element
 * @param type PyTorch's number of the element type
 * @param device PyTorch's number of the device
 * @param sizes of the dimensions
 * @param strides in elements
 */
public record DeviceTensor(long address, int type, int device, long[] sizes, long[] strides) {

  private static final int MOST_DIMENSIONS = 8;

  /**
   * The tensors of these handles.
   *
   * @return null if they are not on one CUDA device, or have types that CUDA texts do not know
   */
  static @Nullable List<DeviceTensor> of(long... handles) {
    Words words = Words.ofThread();
    List<DeviceTensor> all = new ArrayList<>(handles.length);
    for (long handle : handles) {
      DeviceTensor tensor = read(handle, words);
      if (tensor == null || (!all.isEmpty() && all.get(0).device != tensor.device)) {
        return null;
      }
      all.add(tensor);
    }
    return all;
  }

  private static @Nullable DeviceTensor read(long handle, Words words) {
    DeviceTensor tensor = readAny(handle, words);
    return tensor == null || typeName(tensor.type) == null ? null : tensor;
  }

  /** A tensor of any type; null if it is not on a CUDA device, or has many dimensions. */
  private static @Nullable DeviceTensor readAny(long handle, Words words) {
    if (Torch.getDeviceType(handle, words.address(0)) != 0 || words.readInt(0) != Torch.CUDA) {
      return null;
    }
    int failed =
        Torch.getDtype(handle, words.address(0))
            | Torch.getDeviceIndex(handle, words.address(1))
            | Torch.getDataPtr(handle, words.address(2))
            | Torch.getDim(handle, words.address(3))
            | Torch.getSizes(handle, words.address(4))
            | Torch.getStrides(handle, words.address(5));
    if (failed != 0) {
      return null;
    }
    int dimensions = (int) words.read(3);
    if (dimensions > MOST_DIMENSIONS) {
      return null;
    }
    return new DeviceTensor(
        words.read(2),
        words.readInt(0),
        words.readInt(1),
        Words.numbers(words.read(4), dimensions),
        Words.numbers(words.read(5), dimensions));
  }

  /**
   * The addresses of the elements of tensors of any types.
   *
   * @param handles addresses of {@code at::Tensor}s
   * @return null if CUDA texts cannot run, or unless all are contiguous and on this device
   */
  public static long @Nullable [] addresses(int device, long... handles) {
    if (!CudaText.isAvailable()) {
      return null;
    }
    Words words = Words.ofThread();
    long[] addresses = new long[handles.length];
    for (int i = 0; i < handles.length; i++) {
      DeviceTensor tensor = readAny(handles[i], words);
      if (tensor == null || tensor.device != device || !tensor.isContiguous()) {
        return null;
      }
      addresses[i] = tensor.address;
    }
    return addresses;
  }

  /**
   * A tensor of a GPU in the page-locked memory of a tensor of the host: the GPU reads it over the
   * bus. The host's tensor has to be there as long.
   *
   * @param host the address of a contiguous {@code at::Tensor}
   * @return the address of the new one, which the caller frees; 0 if there is none
   */
  public static long ofHost(long host, int device) {
    if (!CudaText.isAvailable()) {
      return 0;
    }
    Words words = Words.ofThread();
    int failed =
        Torch.getDtype(host, words.address(0))
            | Torch.getDataPtr(host, words.address(1))
            | Torch.getDim(host, words.address(2))
            | Torch.getSizes(host, words.address(3))
            | Torch.getStrides(host, words.address(4));
    if (failed != 0
        || Torch.createTensorFromBlob(
                words.read(1),
                words.read(2),
                words.read(3),
                words.read(4),
                0,
                words.readInt(0),
                Torch.CUDA,
                device,
                words.address(5))
            != 0) {
      return 0;
    }
    return words.read(5);
  }

  /** The name of the type in CUDA texts, or null if they do not know it. */
  static @Nullable String typeName(int type) {
    return switch (type) {
      case Torch.BFLOAT16 -> "bf16";
      case Torch.FLOAT16 -> "fp16";
      case Torch.FLOAT32 -> "float";
      case Torch.INT64 -> "whole";
      case Torch.UINT8 -> "unsigned char";
      case Torch.INT8 -> "signed char";
      default -> null;
    };
  }

  /** The number of bytes of an element. */
  int itemSize() {
    return switch (type) {
      case Torch.INT64 -> 8;
      case Torch.FLOAT32 -> 4;
      case Torch.UINT8, Torch.INT8 -> 1;
      default -> 2;
    };
  }

  /** Whether the elements are numbers in 32-bit floating point. */
  public boolean isFloat32() {
    return type == Torch.FLOAT32;
  }

  /** Whether the elements are whole numbers of 64 bits. */
  public boolean isInt64() {
    return type == Torch.INT64;
  }

  /** Whether the elements are bytes. */
  public boolean isBytes() {
    return type == Torch.UINT8;
  }

  /** Whether the elements are floating-point numbers, of 16 or 32 bits. */
  public boolean isFloating() {
    return type == Torch.FLOAT32 || type == Torch.BFLOAT16 || type == Torch.FLOAT16;
  }

  /** The number of dimensions. */
  public int dimensions() {
    return sizes.length;
  }

  /** The number of elements. */
  public long elements() {
    return product(sizes);
  }

  /** Whether the elements lie one after the other, row by row. */
  public boolean isContiguous() {
    return sameSteps(sizes, strides, contiguous(sizes));
  }

  /** The strides of a contiguous tensor. */
  static long[] contiguous(long... sizes) {
    long[] strides = new long[sizes.length];
    long step = 1;
    for (int i = sizes.length - 1; i >= 0; i--) {
      strides[i] = step;
      step *= Math.max(1, sizes[i]);
    }
    return strides;
  }

  /** Whether strides mean the same. Those of dimensions of size 1 mean nothing. */
  static boolean sameSteps(long[] sizes, long[] some, long[] others) {
    for (int i = 0; i < sizes.length; i++) {
      if (sizes[i] > 1 && some[i] != others[i]) {
        return false;
      }
    }
    return true;
  }

  static long product(long... sizes) {
    long product = 1;
    for (long size : sizes) {
      product *= size;
    }
    return product;
  }
}
