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
import io.github.peft4j.kernel.cuda.CudaText;
import io.github.peft4j.kernel.script.ModuleCall;
import io.github.peft4j.kernel.script.TorchScriptArchive;
import java.io.ByteArrayInputStream;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.util.Arrays;
import java.util.Comparator;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.concurrent.ConcurrentHashMap;
import java.util.function.Function;
import java.util.function.UnaryOperator;
import java.util.stream.Stream;
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
  private final List<Derivative> derivatives;
  private final @Nullable CudaText cuda;
  private final @Nullable UnaryOperator<NDList> calls;
  private volatile @Nullable PtSymbolBlock module;

  private Kernel(String source, List<Derivative> derivatives, @Nullable CudaText cuda) {
    this(source, derivatives, cuda, null);
  }

  private Kernel(
      String source,
      List<Derivative> derivatives,
      @Nullable CudaText cuda,
      @Nullable UnaryOperator<NDList> calls) {
    this.source = source;
    this.derivatives = derivatives;
    this.cuda = cuda;
    this.calls = calls;
  }

  /**
   * A kernel of this source.
   *
   * @param source TorchScript, see the class comment
   * @return the kernel, not yet compiled
   */
  public static Kernel of(String source) {
    return new Kernel(source, List.of(), null);
  }

  /**
   * A copy of this kernel that computes the same in CUDA C where it can: on an NVIDIA GPU, for the
   * tensors that the text takes, if PyTorch records no gradient. Everywhere else, TorchScript runs.
   */
  public Kernel cuda(CudaText text) {
    return new Kernel(source, derivatives, text);
  }

  /**
   * A copy of this kernel that computes by calling other kernels, for what TorchScript cannot do in
   * one call. Call it last. The source then only names the parameters: {@code def map(x, weight)}.
   *
   * @param calls gets an array for each parameter, and makes the results; PyTorch records nothing
   *     meanwhile
   */
  public Kernel by(UnaryOperator<NDList> calls) {
    return new Kernel(source, derivatives, cuda, calls);
  }

  /**
   * A copy of this kernel that knows its derivative. A {@link Tape} passes gradients back through
   * it by calling a kernel, without PyTorch's graph, and keeps only what that kernel reads.
   *
   * <pre>{@code
   * LINEAR.derivative("x", """
   *     def back(g: Tensor, weight: Tensor) -> Tensor:
   *         return torch.matmul(g, weight)
   *     """)
   * }</pre>
   *
   * <p>The parameters of the backward kernel say what it reads: {@code g} is the gradient of the
   * output, of its shape, and {@code result} the output. A parameter of this kernel stands for its
   * value. {@code into_a} is a tensor to which the gradient of the parameter {@code a} is added in
   * place. {@code sum_a} is the gradient of {@code a} from kernels that ran later, if nobody else
   * reads its memory, and else an empty tensor. The backward kernel then returns the sum, in that
   * memory or in new memory, and not in that of {@code g}.
   *
   * <p>A kernel may have several derivatives, for different sets of parameters that need gradients.
   * If none fits a call, PyTorch's graph is used.
   *
   * @param of the parameters whose gradients the backward kernel returns, in this order, with
   *     commas between them; those that it adds {@code into_} are not among them
   * @param backward TorchScript; returns a tensor, or a list of them if there are several
   * @return the new kernel
   * @throws IllegalArgumentException if a name is not a parameter of this kernel
   */
  public Kernel derivative(String of, String backward) {
    return derivative(of, null, backward);
  }

  /**
   * A copy of this kernel that knows its derivative, and keeps further tensors for it.
   *
   * @param of the parameters whose gradients the backward kernel returns, with commas between them
   * @param training what runs forward instead of this kernel when gradients are recorded: the same
   *     function with a list of results, this kernel's first
   * @param backward TorchScript; {@code kept0} is the second result of {@code training}, and so on
   * @return the new kernel
   */
  public Kernel derivative(String of, @Nullable String training, String backward) {
    return derivative(of, training == null ? null : of(training), of(backward));
  }

  /** As {@link #derivative(String, String, String)}, of kernels. */
  public Kernel derivative(String of, @Nullable Kernel training, Kernel backward) {
    return with(Derivative.of(Derivative.parameters(source), names(of), backward, training));
  }

  /**
   * A copy of this kernel, which adds up parameters of its output's shape: the gradient of the
   * output is that of each of them.
   *
   * @param of the parameters, with commas between them
   * @return the new kernel
   */
  public Kernel derivative(String of) {
    return with(Derivative.ofSum(Derivative.parameters(source), names(of)));
  }

  private Kernel with(Derivative added) {
    return new Kernel(source, Stream.concat(derivatives.stream(), Stream.of(added)).toList(), cuda);
  }

  private static List<String> names(String of) {
    return of.isBlank() ? List.of() : Arrays.stream(of.split(",", -1)).map(String::strip).toList();
  }

  /**
   * A copy of this kernel whose result costs little. If a derivative reads the result, a {@link
   * Tape} does not keep it, but computes it again in the backward pass. It does so only where this
   * needs less memory: if most of the arguments are kept anyway.
   *
   * <p>Call it after {@link #derivative}. Without a derivative it has no effect.
   *
   * @return the new kernel
   */
  public Kernel cheap() {
    return cheaply(derivative -> derivative.forward(this));
  }

  /**
   * As {@link #cheap()}, with another computation of the result, for example of a random one.
   *
   * @param again its parameters are parameters of this kernel, or {@code kept0} and so on for the
   *     further results of the derivative's {@code training}
   * @return the new kernel
   */
  public Kernel cheap(Kernel again) {
    return cheaply(derivative -> again);
  }

  private Kernel cheaply(Function<Derivative, Kernel> again) {
    List<String> names = Derivative.parameters(source);
    return new Kernel(
        source, derivatives.stream().map(d -> d.cheap(names, again.apply(d))).toList(), cuda);
  }

  /** TorchScript of a tensor (…, n) of no memory for a result that nobody reads, x being (…, m). */
  public static final String UNREAD =
      """
      def unread(x: Tensor, n: int) -> Tensor:
          nothing = torch.full([1], float("nan"), dtype=x.dtype, layout=None, device=x.device)
          return torch.expand(nothing, torch.add(torch.slice(torch.size(x), 0, -1), [n]))

      """;

  /**
   * A copy of this kernel for the ends of segments. If a {@link Tape} runs a segment again for its
   * backward pass alone, nobody reads the segment's result. It then runs {@code first}, and {@code
   * rest} if a kernel reads the result after all.
   *
   * <p>Call it after {@link #derivative}, none of which reads the result. Without a derivative it
   * has no effect.
   *
   * @param first TorchScript, {@link #UNREAD} included, of those parameters of this kernel that it
   *     needs: it returns what the derivative's {@code training} returns, with an {@code unread(…)}
   *     in the place of the result
   * @param rest TorchScript of the result; its parameters are those of this kernel, or {@code
   *     kept0} and so on
   * @return the new kernel
   */
  public Kernel late(String first, String rest) {
    return late(of(first), of(rest));
  }

  /** As {@link #late(String, String)}, of kernels. */
  public Kernel late(Kernel first, Kernel rest) {
    List<String> names = Derivative.parameters(source);
    List<Derivative> later = derivatives.stream().map(d -> d.late(names, first, rest)).toList();
    return new Kernel(source, later, cuda, calls);
  }

  /**
   * Whether a tape notes the kernels that this thread calls, to run their derivatives later. If
   * not, PyTorch's graph records them, or nothing does.
   */
  public static boolean isNoted() {
    return Operations.running() != null;
  }

  /** Whether a source compiles: a PyTorch of another version may lack an operator of it. */
  public static boolean compiles(String source) {
    try {
      of(source).module();
      return true;
    } catch (EngineException e) {
      return false;
    }
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
    if (!mentions(placeholder)) {
      throw new IllegalArgumentException("no constant " + placeholder + " in kernel:\n" + source);
    }
    return withIfPresent(constant, value);
  }

  boolean mentions(String text) {
    return source.contains(text) || derivatives.stream().anyMatch(d -> d.mentions(text));
  }

  Kernel withIfPresent(String constant, Object value) {
    return new Kernel(
        source.replace("{" + constant + "}", literal(value)),
        derivatives.stream().map(derivative -> derivative.with(constant, value)).toList(),
        cuda == null ? null : cuda.with(constant, literal(value)));
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
    Operations running = Operations.running();
    return running == null ? run(inputs) : running.call(this, inputs);
  }

  /**
   * Calls a kernel whose every parameter is a {@code List[Tensor]}.
   *
   * @param lists one non-empty list for each parameter
   * @return the results in order
   */
  public NDList callWithLists(NDList... lists) {
    NDList all = new NDList();
    List.of(lists).forEach(all::addAll);
    Operations running = Operations.running();
    return running == null
        ? runWithLists(all, lists)
        : running.graph(all, arrays -> runWithLists(arrays, lists));
  }

  /** Calls the kernel with these arrays, divided as the lists are. */
  private NDList runWithLists(NDList arrays, NDList... like) {
    if (ModuleCall.isAvailable()) {
      IValue[] values = new IValue[like.length];
      int from = 0;
      for (int i = 0; i < like.length; i++) {
        int to = from + like[i].size();
        values[i] =
            IValue.listFrom(
                arrays.subList(from, to).stream().map(Kernel::native_).toArray(PtNDArray[]::new));
        from = to;
      }
      return execute(arrays, values);
    }
    try (Scope scope = new Scope()) {
      NDList inputs = new NDList();
      for (int i = 0; i < like.length; i++) {
        for (int j = 0; j < like[i].size(); j++) {
          NDArray own = handle(arrays.get(inputs.size())); // others may use the array and its name
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

  /** The derivative for a call in which these parameters, by index, need gradients. */
  @Nullable Derivative derivativeOf(List<Integer> needed) {
    return derivatives.stream()
        .filter(derivative -> derivative.of().containsAll(needed))
        .min(Comparator.comparingInt(derivative -> derivative.of().size()))
        .orElse(null);
  }

  /** The TorchScript with its bound constants, for kernels that do more. */
  public String source() {
    return source;
  }

  NDArray plain(NDArray argument) {
    return run(new NDList(argument)).singletonOrThrow();
  }

  /** Calls the kernel without a look at who records. */
  NDList run(NDList inputs) {
    UnaryOperator<NDList> others = calls;
    if (others != null) {
      return Autograd.without(() -> others.apply(inputs));
    }
    NDList byCuda = cuda == null || Autograd.isRecording() ? null : run(cuda, inputs);
    if (byCuda != null) {
      return byCuda;
    }
    return execute(
        inputs, inputs.stream().map(input -> IValue.from(native_(input))).toArray(IValue[]::new));
  }

  /**
   * Runs the TorchScript.
   *
   * @param values the same as the inputs, which are closed
   */
  private NDList execute(NDList inputs, IValue... values) {
    Tensors.requireTogether(inputs, source);
    PLAIN_EXECUTOR.get();
    try {
      return ModuleCall.call(module(), inputs, values);
    } catch (EngineException e) {
      StringBuilder shapes = new StringBuilder();
      inputs.forEach(a -> shapes.append(' ').append(a.getShape()));
      throw new EngineException(
          "kernel failed for arguments" + shapes + ": " + e.getMessage() + "\n" + source, e);
    }
  }

  /** Runs a CUDA text; null if it is not for these tensors. */
  private static @Nullable NDList run(CudaText text, NDList inputs) {
    if (!CudaText.isAvailable()) {
      return null;
    }
    long[] handles = inputs.stream().mapToLong(input -> native_(input).getHandle()).toArray();
    long[] results = text.call(handles);
    if (results == null) {
      return null;
    }
    PtNDManager manager = native_(inputs.get(0)).getManager();
    NDList outputs = new NDList(results.length);
    for (long result : results) {
      outputs.add(new PtNDArray(manager, result));
    }
    return outputs;
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
  static NDArray handle(NDArray array) {
    try (IValue value = IValue.from(native_(array))) {
      return value.toTensor(native_(array).getManager());
    }
  }

  static PtNDArray native_(NDArray array) {
    return (PtNDArray) array;
  }
}
