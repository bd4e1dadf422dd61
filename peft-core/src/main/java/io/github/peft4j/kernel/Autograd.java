package io.github.peft4j.kernel;

import ai.djl.Device;
import ai.djl.ndarray.NDArray;
import ai.djl.ndarray.NDManager;
import ai.djl.ndarray.types.Shape;
import ai.djl.pytorch.engine.PtNDArray;
import ai.djl.pytorch.jni.JniUtils;
import java.util.Set;
import java.util.concurrent.ConcurrentHashMap;
import java.util.function.Supplier;
import org.jspecify.annotations.Nullable;

/**
 * Computes gradients without DJL's {@code GradientCollector}, which a JVM can have only one of, and
 * which starts from a scalar loss. The gradient mode belongs to the calling thread. Gradients add
 * up in their leaves until {@link #clearGradient}.
 */
public final class Autograd {

  // The engine's own query only works for leaves.
  private static final Kernel REQUIRES_GRADIENT =
      Kernel.of(
          """
          def requires_gradient(x: Tensor) -> Tensor:
              return torch.tensor(x.requires_grad)
          """);

  private static final Set<Device> PREPARED = ConcurrentHashMap.newKeySet();

  private Autograd() {}

  /**
   * Runs code with gradient recording on or off, then restores the mode.
   *
   * @param record whether operations are recorded for {@link #backward}
   * @param code what to run
   * @return what the code returns
   */
  public static <T> T record(boolean record, Supplier<T> code) {
    boolean before = JniUtils.isGradMode();
    if (before == record) {
      return code.get();
    }
    JniUtils.setGradMode(record);
    try {
      return code.get();
    } finally {
      JniUtils.setGradMode(before);
    }
  }

  /** Runs code without recording, as for inference. */
  public static <T> T without(Supplier<T> code) {
    return record(false, code);
  }

  /** Whether the calling thread is recording operations. */
  public static boolean isRecording() {
    return JniUtils.isGradMode();
  }

  /** A tensor of the same shape that shares {@code x}'s memory but not its history. */
  public static NDArray detach(NDArray x) {
    return JniUtils.detachGradient((PtNDArray) x);
  }

  /** A detached tensor that collects a gradient, as the start of a segment. */
  public static NDArray leaf(NDArray x) {
    NDArray leaf = detach(x);
    leaf.setRequiresGradient(true);
    return leaf;
  }

  /** Whether {@code x} takes part in gradients: it is a leaf, or was computed from one. */
  public static boolean requiresGradient(NDArray x) {
    try (NDArray answer = REQUIRES_GRADIENT.plain(x)) {
      return answer.getBoolean();
    }
  }

  /**
   * Propagates a gradient from {@code output} to the leaves it was computed from.
   *
   * @param output any recorded tensor
   * @param gradient of the same shape, dtype and device
   */
  public static void backward(NDArray output, NDArray gradient) {
    backward(output, gradient, false);
  }

  static void backward(NDArray output, NDArray gradient, boolean keepGraph) {
    if (!output.getShape().equals(gradient.getShape())) {
      throw new IllegalArgumentException(
          "gradient of shape " + gradient.getShape() + " for an output of " + output.getShape());
    }
    prepare(output.getDevice());
    JniUtils.backward((PtNDArray) output, (PtNDArray) gradient, keepGraph, false);
  }

  /**
   * Lets PyTorch's thread for backward passes on a GPU launch a kernel of its own first. Without
   * one it has no CUDA context yet, about which cuBLAS complains.
   */
  private static void prepare(Device device) {
    if (device.isGpu() && PREPARED.add(device)) {
      try (Scope scope = new Scope();
          NDManager manager = Tensors.newManager(device)) {
        NDArray leaf = leaf(manager.ones(new Shape(1)));
        NDArray twice = record(true, () -> Ops.add(leaf, leaf));
        JniUtils.backward((PtNDArray) twice, (PtNDArray) Tensors.onesLike(leaf), false, false);
      }
    }
  }

  /** The gradient that a leaf has collected, or null if none has reached it. */
  public static @Nullable NDArray gradient(NDArray leaf) {
    return JniUtils.getGradient((PtNDArray) leaf);
  }

  /** Sets a leaf's collected gradient to zero. */
  public static void clearGradient(NDArray leaf) {
    try (NDArray gradient = gradient(leaf)) {
      if (gradient != null) {
        JniUtils.zeroGrad((PtNDArray) leaf);
      }
    }
  }

  /** Seeds PyTorch's generators of every device: dropout and random initialisation. */
  public static void seed(long seed) {
    JniUtils.setSeed(seed);
  }
}
