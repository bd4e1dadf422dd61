package io.github.peft4j.methods.common.linear;

import ai.djl.ndarray.NDArray;
import io.github.peft4j.kernel.Kernel;
import io.github.peft4j.kernel.Ops;
import io.github.peft4j.kernel.Scope;
import java.util.Arrays;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import java.util.stream.Collectors;

/**
 * Merges a change s Δ [out, in] into a weight as it is stored: [out, in], or [in, out] for a
 * transposed one.
 *
 * <pre>{@code
 * private static final String DELTA = """
 *     def delta(b: Tensor, a: Tensor) -> Tensor:                       # (out, in)
 *         return torch.mm(b, a)
 *     """;
 *
 * WeightDelta merge = WeightDelta.of(DELTA, scale, site.isTransposed());
 * NDArray merged = merge.into(weight, b, a);
 * }</pre>
 */
public final class WeightDelta {

  private static final Pattern HEAD = Pattern.compile("def delta\\(([^)]*)\\)");

  private static final String MERGE =
      """
      def merge(weight: Tensor, {declared}) -> Tensor:
          change = delta({passed})
          return torch.add(weight, {change}, alpha={scale})
      """;

  private final Kernel merge;

  private WeightDelta(Kernel merge) {
    this.merge = merge;
  }

  /**
   * Creates the merge for an update that a function computes.
   *
   * @param source source of the function {@code delta}, see {@link Kernel}
   * @param scale s
   * @param transposed whether the weight is stored as [in, out]
   */
  public static WeightDelta of(String source, double scale, boolean transposed) {
    Matcher head = HEAD.matcher(source);
    if (!head.find()) {
      throw new IllegalArgumentException("expected a function 'delta' in\n" + source);
    }
    String declared = head.group(1);
    String passed =
        Arrays.stream(declared.split(","))
            .map(parameter -> parameter.replaceAll(":.*", "").strip())
            .collect(Collectors.joining(", "));
    return new WeightDelta(
        Kernel.of(source + MERGE)
            .with("declared", declared)
            .with("passed", passed)
            .with("change", transposed ? "torch.t(change)" : "change")
            .with("scale", scale));
  }

  /** A copy with a constant of the function bound, see {@link Kernel#with}. */
  public WeightDelta with(String constant, Object value) {
    return new WeightDelta(merge.with(constant, value));
  }

  /**
   * W + s Δ, as the weight is stored.
   *
   * @param weight W as it is stored
   * @param arguments of the function
   */
  public NDArray into(NDArray weight, NDArray... arguments) {
    NDArray[] all = new NDArray[1 + arguments.length];
    all[0] = weight;
    try (Scope scope = new Scope()) {
      for (int i = 0; i < arguments.length; i++) {
        all[1 + i] = Ops.beside(weight, arguments[i]); // a shared one may be on another device
      }
      return scope.keep(merge.call(all));
    }
  }
}
