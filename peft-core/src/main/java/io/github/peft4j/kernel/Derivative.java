package io.github.peft4j.kernel;

import java.util.Arrays;
import java.util.List;
import java.util.Set;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import java.util.stream.Collectors;
import java.util.stream.Stream;
import org.jspecify.annotations.Nullable;

/**
 * How gradients pass through a kernel. See {@link Kernel#derivative}.
 *
 * @param of the inputs that get a gradient from it, by index; a gradient for one of these that is
 *     added into a tensor is not among the results
 * @param returned the inputs whose gradients are the results, by index and in order
 * @param arguments what the backward kernel is called with, in order
 * @param kernel the backward kernel; null if the output's gradient is that of each input
 * @param training the kernel of the forward pass, whose further results are kept; null for the
 *     kernel itself
 * @param again how the kernel's result is computed again instead of being kept; null if it is kept
 * @param late how the result is computed when it is first read; null if it is computed at once
 */
record Derivative(
    List<Integer> of,
    List<Integer> returned,
    List<Argument> arguments,
    @Nullable Kernel kernel,
    @Nullable Kernel training,
    @Nullable Again again,
    @Nullable Late late) {

  /**
   * A computation of the kernel's result in the backward pass.
   *
   * @param arguments what the computation is called with, in order: inputs and kept results
   * @param kernel has the kernel's result first
   */
  record Again(List<Argument> arguments, Kernel kernel) {
    Again with(String constant, Object value) {
      return new Again(arguments, kernel.withIfPresent(constant, value));
    }
  }

  /**
   * A forward pass in two parts.
   *
   * @param first instead of the kernel: the same results, with a tensor of no memory for the first
   * @param rest the first result
   * @param reads the inputs that are read before that, by the derivative too
   */
  record Late(Again first, Again rest, Set<Integer> reads) {}

  private static final String GRADIENT = "g";
  private static final String SUM = "sum_";
  private static final String INTO = "into_";
  private static final String RESULT = "result";
  private static final String KEPT = "kept";
  private static final Pattern DEFINITION = Pattern.compile("(?m)^def \\w+\\(([^)]*)\\)");

  /** What a parameter of the backward kernel stands for. */
  enum Role {
    /** The gradient of the kernel's output. */
    GRADIENT,
    /** An input of the kernel. */
    INPUT,
    /** A tensor that the gradient of an input is added into. */
    INTO,
    /** The gradient of an input so far, to add to in place, or an empty tensor. */
    SUM,
    /** The result of the kernel, or a further result of its forward pass in training. */
    KEPT
  }

  /**
   * An argument of the backward kernel.
   *
   * @param index of the input, or of the kept result from 0; -1 for the kernel's own result
   */
  record Argument(Role role, int index) {}

  /**
   * Reads the parameters of both kernels.
   *
   * @param inputs names of the kernel's parameters
   * @param returned names of the inputs whose gradients the backward kernel returns
   */
  static Derivative of(
      List<String> inputs, List<String> returned, Kernel backward, @Nullable Kernel training) {
    List<Argument> arguments = arguments(backward, inputs);
    List<Integer> results = returned.stream().map(name -> index(name, inputs)).toList();
    Stream<Integer> added =
        arguments.stream().filter(a -> a.role == Role.INTO).map(Argument::index);
    List<Integer> of = Stream.concat(results.stream(), added).toList();
    return new Derivative(of, results, arguments, backward, training, null, null);
  }

  /**
   * The same, of a kernel whose result need not be kept.
   *
   * @param again computes the result
   */
  Derivative cheap(List<String> inputs, Kernel again) {
    Again cheaply = new Again(arguments(again, inputs), again);
    return new Derivative(of, returned, arguments, kernel, training, cheaply, late);
  }

  /**
   * The same, of a kernel whose result is computed when it is first read.
   *
   * @param inputs names of the kernel's parameters
   * @throws IllegalArgumentException if the derivative reads the result
   */
  Derivative late(List<String> inputs, Kernel first, Kernel rest) {
    if (arguments.contains(new Argument(Role.KEPT, -1))) {
      throw new IllegalArgumentException(
          "a derivative reads the result, so it is always computed:\n" + rest.source());
    }
    Again before = new Again(arguments(first, inputs), first);
    Set<Integer> reads =
        Stream.concat(before.arguments.stream(), arguments.stream())
            .filter(argument -> argument.role == Role.INPUT || argument.role == Role.INTO)
            .map(Argument::index)
            .collect(Collectors.toSet());
    Late later = new Late(before, new Again(arguments(rest, inputs), rest), reads);
    return new Derivative(of, returned, arguments, kernel, training, again, later);
  }

  private static List<Argument> arguments(Kernel read, List<String> inputs) {
    return parameters(read.source()).stream().map(name -> argument(name, inputs)).toList();
  }

  /** Whether the gradient of an input is a tensor whose memory nobody else holds. */
  boolean isFresh(int input) {
    return arguments.contains(new Argument(Role.SUM, input));
  }

  /**
   * The derivative of a sum of inputs.
   *
   * @param inputs names of the kernel's parameters
   * @param summed names of the inputs, each of the output's shape
   */
  static Derivative ofSum(List<String> inputs, List<String> summed) {
    List<Integer> of = summed.stream().map(name -> index(name, inputs)).toList();
    return new Derivative(of, of, List.of(), null, null, null, null);
  }

  /** The names of the parameters of a source's last function. */
  static List<String> parameters(String source) {
    Matcher matcher = DEFINITION.matcher(source);
    String last = "";
    while (matcher.find()) {
      last = matcher.group(1);
    }
    return Arrays.stream(last.split(",", -1)).map(p -> p.split(":", -1)[0].strip()).toList();
  }

  /** The kernel that runs forward when gradients are recorded. */
  Kernel forward(Kernel plain) {
    return training == null ? plain : training;
  }

  boolean mentions(String text) {
    return (kernel != null && kernel.mentions(text))
        || (training != null && training.mentions(text))
        || (again != null && again.kernel.mentions(text))
        || (late != null && (late.first.kernel.mentions(text) || late.rest.kernel.mentions(text)));
  }

  Derivative with(String constant, Object value) {
    return new Derivative(
        of,
        returned,
        arguments,
        bound(kernel, constant, value),
        bound(training, constant, value),
        again == null ? null : again.with(constant, value),
        late == null
            ? null
            : new Late(
                late.first.with(constant, value), late.rest.with(constant, value), late.reads));
  }

  private static @Nullable Kernel bound(@Nullable Kernel kernel, String constant, Object value) {
    return kernel == null ? null : kernel.withIfPresent(constant, value);
  }

  private static Argument argument(String name, List<String> inputs) {
    if (name.equals(GRADIENT)) {
      return new Argument(Role.GRADIENT, 0);
    }
    if (name.startsWith(INTO)) {
      return new Argument(Role.INTO, index(name.substring(INTO.length()), inputs));
    }
    if (name.startsWith(SUM)) {
      return new Argument(Role.SUM, index(name.substring(SUM.length()), inputs));
    }
    if (name.equals(RESULT)) {
      return new Argument(Role.KEPT, -1);
    }
    if (name.startsWith(KEPT)) {
      return new Argument(Role.KEPT, Integer.parseInt(name.substring(KEPT.length())));
    }
    return new Argument(Role.INPUT, index(name, inputs));
  }

  private static int index(String name, List<String> inputs) {
    int index = inputs.indexOf(name);
    if (index < 0) {
      throw new IllegalArgumentException(
          "a derivative names '" + name + "', and the kernel has the parameters " + inputs);
    }
    return index;
  }
}
