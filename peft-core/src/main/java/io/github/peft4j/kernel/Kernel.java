package io.github.peft4j.kernel;

import ai.djl.engine.EngineException;
import ai.djl.ndarray.NDArray;
import ai.djl.ndarray.NDList;
import ai.djl.pytorch.engine.PtNDArray;
import ai.djl.pytorch.engine.PtNDManager;
import ai.djl.pytorch.engine.PtSymbolBlock;
import ai.djl.pytorch.jni.IValue;
import ai.djl.pytorch.jni.IValueUtils;
import ai.djl.pytorch.jni.JniUtils;
import java.io.ByteArrayInputStream;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.util.Locale;
import java.util.Map;
import java.util.concurrent.ConcurrentHashMap;
import org.jspecify.annotations.Nullable;

/**
 * A TorchScript function: text that a PyTorch reader recognises, compiled on first use.
 *
 * <pre>{@code
 * private static final Kernel RMS_NORM = Kernel.of("""
 *     def rms_norm(x: Tensor, weight: Tensor) -> Tensor:     # x (…, D), weight (D)
 *         return torch.rms_norm(x, [torch.size(weight, 0)], weight, {eps})
 *     """);
 *
 * Kernel norm = RMS_NORM.with("eps", 1e-6);
 * NDArray y = norm.call(x, weight);
 * }</pre>
 *
 * <p>The source holds one or more {@code def}s; the last one is the kernel, those before it are its
 * helpers. Names in braces are constants: numbers cannot be passed at call time, so each distinct
 * set of constants is compiled once in the JVM, whatever the number of kernels that share it.
 *
 * <p>Kernels are safe for concurrent use. They take part in autograd when the calling thread's
 * gradient mode is on (see {@link Autograd}). Results belong to the manager of the first argument
 * and to the innermost {@link Scope}.
 */
public final class Kernel {

  private static final Map<String, PtSymbolBlock> COMPILED = new ConcurrentHashMap<>();

  /**
   * The default profiling executor recompiles during the first calls; the plain one is fast at
   * once. PyTorch keeps this setting for each thread.
   */
  private static final ThreadLocal<Boolean> PLAIN_EXECUTOR =
      ThreadLocal.withInitial(
          () -> {
            JniUtils.setGraphExecutorOptimize(false);
            return true;
          });

  private final String source;
  private volatile @Nullable PtSymbolBlock module;

  private Kernel(String source) {
    this.source = source;
  }

  /**
   * A kernel of this source.
   *
   * @param source TorchScript, see the class comment
   * @return the kernel, not yet compiled
   */
  public static Kernel of(String source) {
    return new Kernel(source);
  }

  /**
   * A copy of this kernel with one constant bound.
   *
   * @param constant the name between braces
   * @param value a number, a boolean or a piece of source
   * @return the new kernel
   * @throws IllegalArgumentException if the source has no such constant
   */
  public Kernel with(String constant, Object value) {
    String placeholder = "{" + constant + "}";
    if (!source.contains(placeholder)) {
      throw new IllegalArgumentException("no constant " + placeholder + " in kernel:\n" + source);
    }
    return new Kernel(source.replace(placeholder, literal(value)));
  }

  /**
   * Calls a kernel that returns one tensor.
   *
   * @param arguments one array for each parameter
   * @return the result
   * @throws EngineException with the shapes and the source, if the kernel fails
   */
  public NDArray call(NDArray... arguments) {
    return callForAll(arguments).singletonOrThrow();
  }

  /**
   * Calls a kernel that returns a tuple or a list of tensors.
   *
   * @param arguments one array for each parameter
   * @return the results in order
   */
  public NDList callForAll(NDArray... arguments) {
    NDList inputs = new NDList(arguments.length);
    for (NDArray argument : arguments) {
      if (argument.getName() != null) {
        argument.setName(null); // a name would be read as part of the calling convention
      }
      inputs.add(argument);
    }
    return run(inputs);
  }

  /**
   * Calls a kernel whose every parameter is a {@code List[Tensor]}.
   *
   * @param lists one non-empty list for each parameter
   * @return the results in order
   */
  public NDList callWithLists(NDList... lists) {
    try (Scope scope = new Scope()) {
      NDList inputs = new NDList();
      for (int i = 0; i < lists.length; i++) {
        for (NDArray array : lists[i]) {
          NDArray own = handle(array); // other threads may use the array, so its name must stay
          own.setName("list" + i + "[]");
          inputs.add(own);
        }
      }
      NDList outputs = run(inputs);
      outputs.forEach(scope::keep);
      return outputs;
    }
  }

  /**
   * Binds the leading parameters of a kernel that changes tensors in place. Each is a {@code
   * List[Tensor]}.
   *
   * @param lists one non-empty list for each parameter; the result belongs to the manager of the
   *     first list
   */
  public BoundKernel bind(NDList... lists) {
    return new BoundKernel(this, lists);
  }

  IValue run(IValue... arguments) {
    PLAIN_EXECUTOR.get();
    try {
      return IValueUtils.runMethod(module(), "forward", arguments);
    } catch (EngineException e) {
      throw new EngineException("kernel failed: " + e.getMessage() + "\n" + source, e);
    }
  }

  private NDList run(NDList inputs) {
    PLAIN_EXECUTOR.get();
    try {
      return IValueUtils.forward(module(), inputs, true);
    } catch (EngineException e) {
      StringBuilder shapes = new StringBuilder();
      inputs.forEach(a -> shapes.append(' ').append(a.getShape()));
      throw new EngineException(
          "kernel failed for arguments" + shapes + ": " + e.getMessage() + "\n" + source, e);
    }
  }

  private PtSymbolBlock module() {
    PtSymbolBlock compiled = module;
    if (compiled == null) {
      compiled = COMPILED.computeIfAbsent(source, Kernel::compile);
      module = compiled;
    }
    return compiled;
  }

  private static PtSymbolBlock compile(String source) {
    PtNDManager manager = (PtNDManager) Tensors.engineManager();
    try {
      return JniUtils.loadModule(
          manager, new ByteArrayInputStream(TorchScriptArchive.of(source)), false, false);
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    } catch (EngineException e) {
      throw new EngineException("kernel does not compile: " + e.getMessage() + "\n" + source, e);
    }
  }

  private static String literal(Object value) {
    if (value instanceof Boolean flag) {
      return flag ? "True" : "False";
    }
    if (value instanceof Double || value instanceof Float) {
      return String.format(Locale.ROOT, "%.17g", ((Number) value).doubleValue());
    }
    return value.toString();
  }

  /** A second handle of the same tensor, with its history and gradient. */
  private static NDArray handle(NDArray array) {
    try (IValue value = IValue.from(native_(array))) {
      return value.toTensor(native_(array).getManager());
    }
  }

  static PtNDArray native_(NDArray array) {
    return (PtNDArray) array;
  }
}
