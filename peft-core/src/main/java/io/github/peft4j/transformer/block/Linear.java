package io.github.peft4j.transformer.block;

import ai.djl.ndarray.NDArray;
import io.github.peft4j.kernel.Autograd;
import io.github.peft4j.kernel.Kernel;
import io.github.peft4j.kernel.MatrixProduct;
import io.github.peft4j.kernel.Precision;
import io.github.peft4j.quantization.FrozenMatrix;
import io.github.peft4j.quantization.Quantization;
import io.github.peft4j.transformer.cuda.RowProductText;
import io.github.peft4j.transformer.pass.Pass;
import io.github.peft4j.tuner.ForwardContext;
import io.github.peft4j.tuner.site.EmbeddingSite;
import io.github.peft4j.tuner.site.LinearSite;
import io.github.peft4j.tuner.site.LinearSite.Role;
import io.github.peft4j.tuner.site.ParameterSite;
import org.jspecify.annotations.Nullable;

/** y = x Wᵀ + b, or x W + b with a transposed weight (GPT-2's Conv1D): (…, in) → (…, out). */
public final class Linear extends WeightedBlock {

  private static final String BACK = back("torch.t(weight.to(g.dtype))");
  private static final String BACK_TRANSPOSED = back("weight.to(g.dtype)");
  private static final String PRODUCT =
      MatrixProduct.text()
          + """
          def linear(x: Tensor, weight: Tensor) -> Tensor:            # x (…, in), weight (out, in)
              return product(x, weight.to(x.dtype), None)
          """;
  private static final Kernel LINEAR =
      Kernel.of(PRODUCT).derivative("x", BACK).late(unread(""), PRODUCT);
  private static final String PRODUCT_BIAS =
      MatrixProduct.text()
          + """
          def linear(x: Tensor, weight: Tensor, bias: Tensor) -> Tensor:
              return product(x, weight.to(x.dtype), bias.to(x.dtype))
          """;
  private static final Kernel LINEAR_BIAS =
      Kernel.of(PRODUCT_BIAS).derivative("x", BACK).late(unread(", bias: Tensor"), PRODUCT_BIAS);
  private static final Kernel TRANSPOSED =
      Kernel.of(
              """
          def transposed(x: Tensor, weight: Tensor) -> Tensor:        # x (…, in), weight (in, out)
              return torch.matmul(x, weight.to(x.dtype))
          """)
          .derivative("x", BACK_TRANSPOSED);
  private static final Kernel TRANSPOSED_BIAS =
      Kernel.of(
              """
          def transposed(x: Tensor, weight: Tensor, bias: Tensor) -> Tensor:
              return torch.add(torch.matmul(x, weight.to(x.dtype)), bias.to(x.dtype))
          """)
          .derivative("x", BACK_TRANSPOSED);

  /** In decoding one text. Elsewhere a look at the number of rows would only cost time. */
  private static final Kernel LINEAR_ROW = LINEAR.cuda(RowProductText.PLAIN.text());

  private static final Kernel LINEAR_ROW_BIAS = LINEAR_BIAS.cuda(RowProductText.BIAS.text());

  private final LinearSite site;

  private Linear(String name, Role role, NDArray shared, EmbeddingSite table) {
    super(name, shared, null, LINEAR);
    this.site = publish(new LinearSite(name, role, weight, table, this::frozenForward));
  }

  /**
   * A map whose weight [out, in] shares its memory with an embedding table, as a language model's
   * output with its token table. Only the table's block publishes the parameter. Merging an adapter
   * into one of the two does not change the other.
   */
  public static Linear tied(String name, Role role, EmbeddingSite table) {
    return new Linear(name, role, Autograd.detach(table.weight().frozen()), table);
  }

  /**
   * Creates a linear map.
   *
   * @param name the module name
   * @param role its role in the model
   * @param weight [out, in], or [in, out] if transposed
   * @param bias [out] or null
   */
  public Linear(
      String name, Role role, NDArray weight, @Nullable NDArray bias, boolean transposed) {
    this(name, role, new ParameterSite(name + ".weight", weight), bias, transposed);
  }

  /**
   * Creates a linear map of a weight that is kept in fewer bits.
   *
   * @param weight [out, in], or [in, out] if transposed
   * @param bias [out] or null
   */
  public Linear(
      String name, Role role, FrozenMatrix weight, @Nullable NDArray bias, boolean transposed) {
    this(name, role, new ParameterSite(name + ".weight", weight), bias, transposed);
  }

  private Linear(
      String name, Role role, ParameterSite weight, @Nullable NDArray bias, boolean transposed) {
    super(name, weight, bias, kernel(bias != null, transposed));
    this.site =
        publishWithTensors(
            new LinearSite(name, role, this.weight, this.bias, transposed, this::frozenForward));
  }

  /**
   * The backward pass by the input.
   *
   * @param weight (in, out) in TorchScript
   */
  private static String back(String weight) {
    return MatrixProduct.textWithSum()
        + """
        def back(g: Tensor, weight: Tensor, sum_x: Tensor) -> Tensor:      # g (…, out) → (…, in)
            flat = torch.reshape(g, [-1, torch.size(g, -1)])
            onward = onto(sum_x, flat, {weight})
            size = torch.slice(torch.size(g), 0, -1)
            return torch.reshape(onward, torch.add(size, [torch.size(onward, 1)]))
        """
            .replace("{weight}", weight);
  }

  /** In a segment that runs again and ends with the map. */
  private static String unread(String bias) {
    return Kernel.UNREAD
        + """
        def linear(x: Tensor, weight: Tensor{bias}) -> Tensor:
            return unread(x, torch.size(weight, 0))
        """
            .replace("{bias}", bias);
  }

  private static Kernel kernel(boolean hasBias, boolean transposed) {
    return hasBias
        ? (transposed ? TRANSPOSED_BIAS : LINEAR_BIAS)
        : (transposed ? TRANSPOSED : LINEAR);
  }

  /** Computes the map with the adapters of the pass. */
  public NDArray forward(NDArray x, ForwardContext context) {
    return site.forward(x, context);
  }

  @Override
  NDArray frozenForward(NDArray x, ForwardContext context) {
    FrozenMatrix matrix = weight.matrix(context);
    if (matrix != null) {
      return matrix.map(x, bias == null ? null : bias.value(context));
    }
    boolean isStep = context instanceof Pass pass && pass.isRepeated();
    if (!isStep || site.isTransposed()) {
      return super.frozenForward(x, context);
    }
    return bias == null
        ? LINEAR_ROW.call(x, weight.value(context))
        : LINEAR_ROW_BIAS.call(x, weight.value(context), bias.value(context));
  }

  /** Keeps the weight in fewer bits; its shape has to fit. */
  public void quantize(Quantization quantization, Precision precision) {
    weight.replace(quantization.store(weight.frozen(), site.isTransposed(), precision), false);
  }

  /** The map's site. */
  public LinearSite site() {
    return site;
  }
}
