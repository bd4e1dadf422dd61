package io.github.peft4j.kernel;

import java.util.Arrays;
import java.util.List;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import java.util.stream.Stream;
import org.jspecify.annotations.Nullable;

/**
 * How gradients pass through a kernel. See {@link Kernel#derivative}.
 *
 * @param of the inputs that get a gradient from it, by index; a gradient for one of these that is
 *     added into a tensor is not among the results
 * @param returned the inputs whose gradients are the results, by index and in order
 * @param arguments what the backward kernel is called with, in order
 * @param kernel the backward kernel
 * @param training the kernel of the forward pass, whose further results are kept; null for the
 *     kernel itself
 */
record Derivative(
    List<Integer> of,
    List<Integer> returned,
    List<Argument> arguments,
    Kernel kernel,
    @Nullable Kernel training) {

  private static final String GRADIENT = "g";
  private static final String INTO = "into_";
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
    /** A further result of the kernel's forward pass in training. */
    KEPT
  }

  /**
   * An argument of the backward kernel.
   *
   * @param index of the input, or of the kept result from 0
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
    List<Argument> arguments =
        parameters(backward.source()).stream().map(name -> argument(name, inputs)).toList();
    List<Integer> results = returned.stream().map(name -> index(name, inputs)).toList();
    Stream<Integer> added =
        arguments.stream().filter(a -> a.role == Role.INTO).map(Argument::index);
    List<Integer> of = Stream.concat(results.stream(), added).toList();
    return new Derivative(of, results, arguments, backward, training);
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
    return kernel.mentions(text) || (training != null && training.mentions(text));
  }

  Derivative with(String constant, Object value) {
    Kernel forward = training == null ? null : training.withIfPresent(constant, value);
    return new Derivative(of, returned, arguments, kernel.withIfPresent(constant, value), forward);
  }

  private static Argument argument(String name, List<String> inputs) {
    if (name.equals(GRADIENT)) {
      return new Argument(Role.GRADIENT, 0);
    }
    if (name.startsWith(INTO)) {
      return new Argument(Role.INTO, index(name.substring(INTO.length()), inputs));
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
