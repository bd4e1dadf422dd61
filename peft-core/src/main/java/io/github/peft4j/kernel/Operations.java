package io.github.peft4j.kernel;

import ai.djl.ndarray.NDArray;
import ai.djl.ndarray.NDList;
import ai.djl.ndarray.types.Shape;
import io.github.peft4j.kernel.Derivative.Again;
import io.github.peft4j.kernel.Derivative.Argument;
import io.github.peft4j.kernel.Derivative.Late;
import io.github.peft4j.kernel.Derivative.Role;
import io.github.peft4j.kernel.KeptTensors.Kept;
import io.github.peft4j.kernel.Value.Gradient;
import java.util.ArrayList;
import java.util.IdentityHashMap;
import java.util.List;
import java.util.Set;
import java.util.function.Function;
import java.util.function.Supplier;
import org.jspecify.annotations.Nullable;

/**
 * The kernels that a segment calls, and their backward pass. It takes the place of PyTorch's graph,
 * which costs more for each operation. A kernel with a {@link Derivative} runs without a graph, and
 * only what its derivative reads is kept. A kernel without one gets a graph of its own.
 *
 * <p>A segment that is recorded so computes with kernels alone: the gradient of a tensor that it
 * computes in another way is lost. With {@code -Dpeft4j.derivatives=checked}, as in the tests, the
 * next kernel refuses such a tensor.
 */
final class Operations {

  /** What a derivative gets for a sum that it must not or cannot add to. */
  private static final class Nothing {
    static final NDArray YET = Scope.release(Tensors.engineManager().create(new Shape(0)));
  }

  private static final ThreadLocal<@Nullable Operations> RUNNING = new ThreadLocal<>();

  /** A tensor of no memory, for a result that nobody reads. */
  private static final Kernel UNREAD_LIKE =
      Kernel.of(
          Kernel.UNREAD
              + """
              def unread_like(x: Tensor) -> Tensor:
                  return unread(x, torch.size(x, -1))
              """);

  private final boolean sparing;
  private final boolean checked = "checked".equals(System.getProperty("peft4j.derivatives"));
  private final List<Runnable> back = new ArrayList<>();
  private final IdentityHashMap<NDArray, Value> values = new IdentityHashMap<>();
  private final KeptTensors kept = new KeptTensors();

  /** The beginnings and ends of PyTorch's graphs. */
  private final List<NDArray> ofGraphs = new ArrayList<>();

  /** The segment's output, if it is not computed. */
  private @Nullable NDArray end;

  /** What stands for results that are computed when they are read. */
  private final IdentityHashMap<NDArray, LateResult> late = new IdentityHashMap<>();

  /** Whether the kernels that run may be the last ones of the segment. */
  private boolean ending;

  /**
   * A backward pass from a gradient of the result to that of x, in memory of its own, or null if x
   * needs none.
   */
  @FunctionalInterface
  interface Back {
    @Nullable NDArray pass(NDArray x, NDArray gradient, boolean passesOn);
  }

  /**
   * Creates an empty list.
   *
   * @param sparing whether results that cost little are computed again in the backward pass
   */
  Operations(boolean sparing) {
    this.sparing = sparing;
  }

  /** The operations that the calling thread records, if it records gradients. */
  static @Nullable Operations running() {
    Operations running = RUNNING.get();
    return running != null && Autograd.isRecording() ? running : null;
  }

  /**
   * Runs a segment.
   *
   * @param input a tensor that gets a gradient, or null
   * @return what the segment returns
   */
  NDArray record(@Nullable NDArray input, Supplier<NDArray> segment) {
    if (input != null) {
      values.put(input, new Value(null));
    }
    RUNNING.set(this);
    try {
      return Autograd.record(true, segment);
    } finally {
      RUNNING.remove();
      late.values().forEach(LateResult::close);
      late.clear();
    }
  }

  /**
   * Runs the end of a segment whose output nobody reads: a {@linkplain Kernel#late late} result is
   * computed if another kernel reads it.
   */
  NDArray ending(Supplier<NDArray> end) {
    ending = true;
    try {
      return end.get();
    } finally {
      ending = false;
    }
  }

  /**
   * Passes the output's gradient back through all operations, once. Parameters and shared tensors
   * keep theirs.
   *
   * @param gradient becomes this call's own
   * @return the input's gradient, or null if there is none
   */
  @Nullable Gradient backward(NDArray output, Gradient gradient, @Nullable NDArray input) {
    Value last = value(output);
    if (last == null) {
      gradient.release();
    } else {
      last.add(gradient);
    }
    return Autograd.without(
        () -> {
          for (int i = back.size() - 1; i >= 0; i--) {
            back.get(i).run();
          }
          values.values().forEach(Value::settle);
          Value first = input == null ? null : values.get(input);
          Gradient onward = first == null ? null : first.take();
          values.values().forEach(Value::close);
          return onward;
        });
  }

  /** Frees what has been kept for a backward pass that does not come, or that failed. */
  void discard() {
    kept.close();
    values.values().forEach(Value::close);
    ofGraphs.forEach(NDArray::close);
  }

  /**
   * Notes a function that ends the segment, without computing it.
   *
   * @param x the argument of the function, whose result has x's shape
   * @return a tensor that no kernel may read
   */
  NDArray end(NDArray x, Back derivative) {
    NDArray output = Autograd.without(() -> UNREAD_LIKE.call(x));
    Value input = value(x);
    Value own = new Value(null);
    values.put(output, own);
    end = output;
    Kept tensor = kept.keep(x);
    back.add(
        () -> {
          Gradient gradient = own.take();
          if (gradient != null) {
            NDArray onward = derivative.pass(tensor.array(), gradient.array(), input != null);
            gradient.release();
            if (onward != null) {
              add(new Gradient(onward, true), input);
            }
          }
          tensor.release();
        });
    return output;
  }

  /** The bytes that are kept for derivatives, those of parameters included. */
  long bytesKept() {
    return kept.bytes();
  }

  /** Calls a kernel. */
  NDList call(Kernel kernel, NDList arguments) {
    List<@Nullable Value> inputs = new ArrayList<>();
    List<Integer> reached = new ArrayList<>();
    for (int i = 0; i < arguments.size(); i++) {
      Value value = argument(arguments.get(i));
      inputs.add(value);
      if (value != null) {
        reached.add(i);
      }
    }
    if (reached.isEmpty()) {
      return kernel.run(arguments);
    }
    Derivative derivative = kernel.derivativeOf(reached);
    return derivative == null
        ? graph(arguments, kernel::run)
        : derived(kernel, derivative, arguments, inputs);
  }

  /** Runs a kernel without a graph and remembers what its derivative reads. */
  private NDList derived(
      Kernel kernel, Derivative derivative, NDList given, List<@Nullable Value> inputs) {
    Late later = ending ? derivative.late() : null;
    NDList arguments = later == null ? read(given) : read(given, later.reads());
    Kernel forward = later == null ? derivative.forward(kernel) : later.first().kernel();
    NDList inForward = later == null ? arguments : chosen(arguments, later.first().arguments());
    NDList results = Autograd.without(() -> forward.run(inForward));
    NDArray output = results.get(0);
    output.setRequiresGradient(true); // so that a tensor computed from it otherwise is found out
    Value own = new Value(null);
    values.put(output, own);
    if (later != null) {
      late.put(output, new LateResult(later.rest(), own, arguments, results));
    } else if (sparing) {
      kept.offer(output, derivative, arguments, results);
    }
    List<@Nullable Kept> read = new ArrayList<>();
    for (Argument argument : derivative.arguments()) {
      boolean isKept = argument.role() != Role.GRADIENT && argument.role() != Role.SUM;
      read.add(isKept ? kept.keep(KeptTensors.array(argument, arguments, results)) : null);
    }
    back.add(() -> back(derivative, own, inputs, read));
    return new NDList(output);
  }

  private static void back(
      Derivative derivative, Value own, List<@Nullable Value> inputs, List<@Nullable Kept> read) {
    Gradient gradient = own.take();
    if (gradient != null) {
      try {
        if (derivative.kernel() == null) {
          derivative.returned().forEach(input -> add(gradient.hold(), inputs.get(input)));
        } else {
          run(derivative.kernel(), derivative, gradient, inputs, read);
        }
      } finally {
        gradient.release();
      }
    }
    for (Kept tensor : read) {
      if (tensor != null) {
        tensor.release();
      }
    }
  }

  private static void run(
      Kernel kernel,
      Derivative derivative,
      Gradient gradient,
      List<@Nullable Value> inputs,
      List<@Nullable Kept> read) {
    NDList arguments = new NDList();
    List<Gradient> sums = new ArrayList<>();
    NDList gradients;
    try {
      for (int i = 0; i < read.size(); i++) {
        Argument argument = derivative.arguments().get(i);
        boolean added = argument.role() == Role.SUM || argument.role() == Role.INTO;
        Value value = added ? inputs.get(argument.index()) : null;
        Kept tensor = read.get(i);
        if (argument.role() == Role.SUM) {
          Gradient sum = value == null ? null : value.takeAlone();
          if (sum != null) {
            sums.add(sum);
          }
          arguments.add(sum == null ? Nothing.YET : sum.array());
        } else if (tensor == null) {
          arguments.add(gradient.array());
        } else {
          arguments.add(argument.role() == Role.INTO ? buffer(value, tensor) : tensor.array());
        }
      }
      gradients = kernel.run(arguments);
    } finally {
      sums.forEach(Gradient::release); // the results have the memory now
    }
    if (!derivative.returned().stream().allMatch(derivative::isFresh)) {
      gradient.lend();
    }
    for (int i = 0; i < derivative.returned().size(); i++) {
      int input = derivative.returned().get(i);
      NDArray result = Scope.release(gradients.get(i));
      add(new Gradient(result, derivative.isFresh(input)), inputs.get(input));
    }
    for (int i = 0; i < read.size(); i++) {
      Argument argument = derivative.arguments().get(i);
      if (argument.role() == Role.INTO) {
        NDArray sum = Scope.release(arguments.get(i));
        Value into = inputs.get(argument.index());
        if (into == null) {
          sum.close();
        } else {
          into.added(sum);
        }
      }
    }
  }

  /** Adds a gradient to that of an input, or frees it. */
  private static void add(Gradient gradient, @Nullable Value input) {
    if (input == null) {
      gradient.release();
    } else {
      input.add(gradient);
    }
  }

  /** What a kernel adds a gradient to. A frozen tensor's gradient is added into zeros. */
  private static NDArray buffer(@Nullable Value value, Kept tensor) {
    return value == null ? Tensors.zerosLike(tensor.array()) : value.buffer(tensor.array());
  }

  /** The arguments of a kernel, for which late results are computed now. */
  private NDList read(NDList arguments) {
    NDList read = new NDList();
    arguments.forEach(argument -> read.add(read(argument)));
    return read;
  }

  /** The same of some arguments only, by index. */
  private NDList read(NDList arguments, Set<Integer> indices) {
    NDList read = new NDList(arguments);
    indices.forEach(index -> read.set(index, read(arguments.get(index))));
    return read;
  }

  private NDArray read(NDArray argument) {
    LateResult result = late.get(argument);
    return result == null ? argument : result.array();
  }

  private static NDList chosen(NDList arguments, List<Argument> by) {
    NDList chosen = new NDList();
    by.forEach(argument -> chosen.add(arguments.get(argument.index())));
    return chosen;
  }

  /** A result that is computed when a kernel reads it. It is there until the segment has run. */
  private final class LateResult {

    private final Kernel kernel;
    private final Value value;
    private final List<Supplier<NDArray>> arguments = new ArrayList<>();
    private final List<Kept> held = new ArrayList<>();
    private @Nullable NDArray array;

    LateResult(Again rest, Value value, NDList arguments, NDList results) {
      this.kernel = rest.kernel();
      this.value = value;
      for (Argument argument : rest.arguments()) {
        NDArray given = KeptTensors.array(argument, arguments, results);
        LateResult former = late.get(given);
        if (former == null) {
          Kept tensor = kept.keep(given);
          held.add(tensor);
          this.arguments.add(tensor::array);
        } else {
          this.arguments.add(former::array);
        }
      }
    }

    NDArray array() {
      NDArray present = array;
      if (present == null) {
        NDList read = new NDList();
        arguments.forEach(argument -> read.add(argument.get()));
        present = Scope.release(Autograd.without(() -> kernel.run(read)).singletonOrThrow());
        present.setRequiresGradient(true);
        values.put(present, value);
        array = present;
      }
      return present;
    }

    void close() {
      held.forEach(Kept::release);
      if (array != null) {
        array.close();
      }
    }
  }

  /** Runs code with a graph of PyTorch's that begins at the arguments which gradients reach. */
  NDList graph(NDList given, Function<NDList, NDList> code) {
    NDList arguments = read(given);
    NDList leaves = new NDList();
    List<Runnable> collect = new ArrayList<>();
    boolean reached = false;
    for (NDArray argument : arguments) {
      Value value = argument(argument);
      reached |= value != null;
      if (value == null || value.isLeaf()) {
        leaves.add(argument); // PyTorch adds to a leaf's gradient itself
        continue;
      }
      NDArray leaf = Scope.release(Autograd.leaf(argument));
      ofGraphs.add(leaf);
      leaves.add(leaf);
      collect.add(
          () -> {
            NDArray gradient = Autograd.gradient(leaf);
            if (gradient != null) {
              value.add(new Gradient(Scope.release(gradient), false));
            }
            leaf.close();
          });
    }
    NDList outputs = code.apply(leaves);
    if (!reached) {
      return outputs;
    }
    List<Value> own = new ArrayList<>();
    NDList ends = new NDList();
    for (NDArray output : outputs) {
      if (Autograd.requiresGradient(output)) {
        Value value = new Value(null);
        values.put(output, value);
        own.add(value);
        NDArray end = Scope.release(Kernel.handle(output));
        ofGraphs.add(end);
        ends.add(end);
      }
    }
    back.add(() -> back(own, ends, collect));
    return outputs;
  }

  private static void back(List<Value> values, NDList ends, List<Runnable> collect) {
    for (int i = 0; i < values.size(); i++) {
      Gradient gradient = values.get(i).take();
      if (gradient != null) {
        gradient.lend();
        try {
          Autograd.backward(ends.get(i), gradient.array(), i < values.size() - 1);
        } finally {
          gradient.release();
        }
      }
    }
    ends.close();
    collect.forEach(Runnable::run);
  }

  /** The value of a kernel's argument. */
  private @Nullable Value argument(NDArray array) {
    if (array == end) {
      throw new IllegalStateException(
          "a kernel reads what was said to be the output of its segment, which is not computed");
    }
    return value(array);
  }

  private @Nullable Value value(NDArray array) {
    Value known = values.get(array);
    if (known == null && array.hasGradient()) {
      known = new Value(array);
      values.put(array, known);
    }
    if (known == null && checked && Autograd.requiresGradient(array)) {
      throw new IllegalStateException(
          "a kernel got a tensor of shape "
              + array.getShape()
              + " that was computed outside of kernels. In a segment that is recorded kernel by"
              + " kernel its gradient would be lost; compute it with a Kernel, or let PyTorch"
              + " record the segment");
    }
    return known;
  }
}
