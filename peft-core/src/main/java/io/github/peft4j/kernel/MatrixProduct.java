package io.github.peft4j.kernel;

import ai.djl.engine.EngineException;
import ai.djl.ndarray.NDArray;
import ai.djl.ndarray.types.Shape;
import java.util.Locale;
import java.util.Set;
import org.jspecify.annotations.Nullable;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * TorchScript of the product x Wᵀ + b, for kernels to put in front of their own.
 *
 * <p>On a CPU, PyTorch leaves products in float32 to MKL. MKL is fast on Intel's processors. On
 * AMD's it does not use AVX-512, and multiplies a single vector on one thread, without AVX. oneDNN,
 * which PyTorch's libraries also hold, uses what the processor has and all threads. It computes
 * products in float32 that need no gradient from PyTorch's graph; everything else is left to
 * PyTorch. Both round differently, by a few units of the last place.
 *
 * <p>The system property {@value #PROPERTY} set to {@code false} leaves all to PyTorch. It is read
 * once.
 */
public final class MatrixProduct {

  /** The system property that turns oneDNN off. */
  public static final String PROPERTY = "peft4j.oneDnn";

  private static final Logger LOG = LoggerFactory.getLogger(MatrixProduct.class);

  /** The fewest multiplications for which oneDNN's longer preparation pays, some 10 µs. */
  private static final int LEAST = 1 << 17;

  private static final String PYTORCH =
      """
      def product(x: Tensor, weight: Tensor, bias: Optional[Tensor]) -> Tensor:
          return torch.linear(x, weight, bias)
      """;
  private static final String ONE_DNN =
      """
      def product(x: Tensor, weight: Tensor, bias: Optional[Tensor]) -> Tensor:
          fast = False
          if x.is_cpu and torch.numel(x) * torch.size(weight, 0) >= {least}:
              if x.dtype == 6 and weight.dtype == 6:
                  recorded = x.requires_grad or weight.requires_grad
                  if bias is not None:
                      recorded = recorded or bias.requires_grad
                  fast = not (torch.is_grad_enabled() and recorded)
          if fast:
              y = ops.mkldnn._linear_pointwise(x, weight, bias, "none", annotate(List[Optional[number]], []), None)
          else:
              y = torch.linear(x, weight, bias)
          return y
      """;

  /**
   * On CUDA the product adds to the sum itself. On a CPU, oneDNN's product and a sum are faster
   * than MKL's product that adds.
   */
  private static final String ONTO =
      """

      def onto(sum: Tensor, x: Tensor, weight: Tensor) -> Tensor:
          if torch.numel(sum) == 0:
              y = product(x, weight, None)
          else:
              if sum.is_cuda and torch.is_contiguous(sum):
                  y = torch.addmm_(torch.view(sum, [-1, torch.size(weight, 0)]), x, torch.t(weight))
              else:
                  y = product(x, weight, None)
                  y = torch.add_(y, torch.reshape(sum, torch.size(y)))
          return y

      """;

  private MatrixProduct() {}

  /**
   * The function {@code product(x, weight, bias)} in TorchScript: x (…, in), weight (out, in) and
   * bias (out) or {@code None}, all of one type, → (…, out). The first call starts PyTorch.
   */
  public static String text() {
    return Chosen.TEXT;
  }

  /**
   * {@link #text()}, and the function {@code onto(sum, x, weight)} of backward kernels: x Wᵀ (N,
   * out) for x (N, in), plus the sum so far, which is changed; it may be empty, and has any shape.
   */
  public static String textWithSum() {
    return text() + ONTO;
  }

  /** Lazily, since the choice needs PyTorch. */
  private static final class Chosen {
    static final String TEXT =
        choose(System.getProperty(PROPERTY), System.getProperty("os.arch", ""));
  }

  /**
   * Chooses the text.
   *
   * @param property null, {@code true} or {@code false}
   * @param processor the processor's name, as the JVM gives it
   * @throws IllegalArgumentException if the property is something else
   */
  static String choose(@Nullable String property, String processor) {
    String wanted = property == null ? "true" : property.toLowerCase(Locale.ROOT);
    if (!Set.of("true", "false").contains(wanted)) {
      throw new IllegalArgumentException(
          PROPERTY + " is '" + property + "', expected true or false");
    }
    boolean measured = Set.of("amd64", "x86_64").contains(processor); // others have libraries apart
    return wanted.equals("true") && measured && computes(ONE_DNN)
        ? ONE_DNN.replace("{least}", Integer.toString(LEAST))
        : PYTORCH;
  }

  /** Whether PyTorch's library knows the text's operators, and they compute the product. */
  private static boolean computes(String text) {
    Kernel kernel =
        Kernel.of(
            text.replace("{least}", "0")
                + """
                def multiply(x: Tensor, weight: Tensor) -> Tensor:
                    return product(x, weight, None)
                """);
    return Autograd.without(
        () -> {
          try (Scope scope = new Scope()) {
            NDArray x = Tensors.engineManager().create(new float[] {1, 2}, new Shape(1, 2));
            NDArray w = Tensors.engineManager().create(new float[] {3, 4, 5, 6}, new Shape(2, 2));
            float[] y = kernel.call(x, w).toFloatArray(); // (1·3 + 2·4, 1·5 + 2·6)
            return y[0] == 11 && y[1] == 17;
          } catch (EngineException e) {
            LOG.debug("PyTorch's library does not offer oneDNN's product", e);
            return false;
          }
        });
  }
}
