package io.github.peft4j.kernel.cuda;

import com.sun.jna.FunctionMapper;
import com.sun.jna.Library;
import com.sun.jna.Native;
import com.sun.jna.NativeLibrary;
import java.util.Locale;
import java.util.Map;

/**
 * PyTorch's functions with plain C parameters, {@code aoti_torch_*}, from 2.7 on. A tensor is the
 * address of an {@code at::Tensor}. Results are written to addresses; a status of 0 is success.
 */
final class Torch {

  /** PyTorch's numbers of types. */
  static final int UINT8 = 0;

  static final int INT8 = 1;
  static final int INT64 = 4;

  static final int FLOAT16 = 5;
  static final int FLOAT32 = 6;
  static final int BFLOAT16 = 15;

  /** PyTorch's number of the kind of device. */
  static final int CUDA = 1;

  private static final FunctionMapper NAMES =
      (library, method) ->
          "aoti_torch_" + method.getName().replaceAll("([A-Z])", "_$1").toLowerCase(Locale.ROOT);

  private Torch() {}

  /**
   * Binds the functions.
   *
   * @throws UnsatisfiedLinkError if the library lacks one
   */
  static void bind(String library) {
    Native.register(
        Torch.class,
        NativeLibrary.getInstance(library, Map.of(Library.OPTION_FUNCTION_MAPPER, NAMES)));
  }

  static native int getDeviceType(long tensor, long result);

  static native int getDeviceIndex(long tensor, long result);

  static native int getDtype(long tensor, long result);

  static native int getDataPtr(long tensor, long result);

  static native int getDim(long tensor, long result);

  static native int getSizes(long tensor, long result);

  static native int getStrides(long tensor, long result);

  static native int emptyStrided(
      long dimensions, long sizes, long strides, int type, int kind, int device, long result);

  static native int createTensorFromBlob(
      long data,
      long dimensions,
      long sizes,
      long strides,
      long offset,
      int type,
      int kind,
      int device,
      long result);

  static native int deleteTensorObject(long tensor);

  static native int getCurrentCudaStream(int device, long result);
}
