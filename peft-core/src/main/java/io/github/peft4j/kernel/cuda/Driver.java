package io.github.peft4j.kernel.cuda;

import com.sun.jna.Native;
import com.sun.jna.NativeLibrary;
import com.sun.jna.Pointer;
import java.util.Map;
import java.util.concurrent.ConcurrentHashMap;

/** CUDA's driver: modules and launches in the contexts that PyTorch uses, the devices' primary. */
final class Driver {

  private static final int MAJOR = 75;
  private static final int MINOR = 76;

  private static final Map<Integer, Gpu> GPUS = new ConcurrentHashMap<>();

  /**
   * A device.
   *
   * @param context its primary context
   * @param capability 10 · major + minor
   */
  record Gpu(long context, int capability) {}

  private Driver() {}

  /**
   * Binds the functions.
   *
   * @throws UnsatisfiedLinkError if the library is not there, or lacks one
   */
  static void bind(String library) {
    Native.register(Driver.class, NativeLibrary.getInstance(library));
    check(cuInit(0));
  }

  /** The device of PyTorch's number. */
  static Gpu gpu(int number) {
    return GPUS.computeIfAbsent(number, Driver::find);
  }

  private static Gpu find(int number) {
    Words words = Words.ofThread();
    check(cuDeviceGet(words.address(0), number));
    int device = words.readInt(0);
    check(cuDeviceGetAttribute(words.address(0), MAJOR, device));
    check(cuDeviceGetAttribute(words.address(1), MINOR, device));
    check(cuDevicePrimaryCtxRetain(words.address(2), device));
    return new Gpu(words.read(2), 10 * words.readInt(0) + words.readInt(1));
  }

  /** Loads a program onto a device. It stays there. */
  static long load(Gpu gpu, byte[] program, String function) {
    Words words = Words.ofThread();
    long before = enter(gpu.context(), words);
    try {
      check(cuModuleLoadData(words.address(0), program));
      check(cuModuleGetFunction(words.address(1), words.read(0), function));
      return words.read(1);
    } finally {
      leave(gpu.context(), before);
    }
  }

  /** Launches a function with the thread's arguments. */
  static void launch(Gpu gpu, long function, Launch launch, long stream, Words words) {
    long before = enter(gpu.context(), words);
    try {
      check(
          cuLaunchKernel(
              function,
              (int) launch.blocks(),
              1,
              1,
              launch.width(),
              launch.height(),
              1,
              0,
              stream,
              words.arguments(),
              0));
    } finally {
      leave(gpu.context(), before);
    }
  }

  /**
   * Makes a context the thread's. A thread that has used no CUDA has none, and keeps this one:
   * cuBLAS wants one.
   *
   * @return the context to return to
   */
  private static long enter(long context, Words words) {
    check(cuCtxGetCurrent(words.address(0)));
    long before = words.read(0);
    if (before != context) {
      check(cuCtxSetCurrent(context));
    }
    return before == 0 ? context : before;
  }

  private static void leave(long context, long before) {
    if (before != context) {
      check(cuCtxSetCurrent(before));
    }
  }

  private static void check(int status) {
    if (status != 0) {
      Words words = Words.ofThread();
      String said =
          cuGetErrorString(status, words.address(0)) == 0
              ? new Pointer(words.read(0)).getString(0)
              : "unknown";
      throw new IllegalStateException("CUDA's driver failed: " + said + " (" + status + ")");
    }
  }

  private static native int cuInit(int flags);

  private static native int cuDeviceGet(long device, int number);

  private static native int cuDeviceGetAttribute(long result, int attribute, int device);

  private static native int cuDevicePrimaryCtxRetain(long context, int device);

  private static native int cuCtxGetCurrent(long context);

  private static native int cuCtxSetCurrent(long context);

  private static native int cuModuleLoadData(long module, byte[] program);

  private static native int cuModuleGetFunction(long function, long module, String name);

  private static native int cuLaunchKernel(
      long function,
      int gridX,
      int gridY,
      int gridZ,
      int blockX,
      int blockY,
      int blockZ,
      int sharedBytes,
      long stream,
      long arguments,
      long extra);

  private static native int cuGetErrorString(int status, long text);
}
