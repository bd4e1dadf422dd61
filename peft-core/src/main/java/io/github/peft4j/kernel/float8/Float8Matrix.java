package io.github.peft4j.kernel.float8;

import ai.djl.Device;
import ai.djl.ndarray.NDArray;
import ai.djl.ndarray.NDList;
import ai.djl.ndarray.types.Shape;
import io.github.peft4j.kernel.Autograd;
import io.github.peft4j.kernel.Kernel;
import io.github.peft4j.kernel.Precision;
import io.github.peft4j.kernel.PyTorch;
import io.github.peft4j.kernel.Scope;
import java.util.OptionalInt;
import org.jspecify.annotations.Nullable;

/**
 * A frozen matrix W (out, in) in eight bits, and its products x Wᵀ. The input and, in the backward
 * pass, the gradient become numbers of eight bits for each product, too, with a scale of their own:
 * the largest of them becomes the largest number of the format. Inputs are e4m3 as weights are;
 * gradients are e5m2, whose range is wider. Sums are those of the GPU's tensor cores, and results
 * have the precision of the input.
 *
 * <p>A derivative is known to the {@linkplain Kernel#derivative kernels} of a tape only. Where
 * PyTorch's graph records, W is made dense again, and the product is that of PyTorch.
 */
public final class Float8Matrix implements AutoCloseable {

  /**
   * With this system property set to {@code true}, devices without such products compute the same
   * numbers slowly. With {@code unrounded}, inputs and gradients are not rounded there. It is for
   * tests.
   */
  public static final String EMULATED = "peft4j.float8Emulated";

  /** Both sizes of a matrix are multiples of this. */
  private static final int MULTIPLE = 16;

  /** The first compute capability with products of eight-bit numbers: Ada's 8.9. */
  private static final int ADA = 89;

  private static final String UNROUNDED = "unrounded";

  /** Scalar types of kernels. The largest number of e4m3 is 448, and of e5m2 57,344. */
  private static final int E4M3 = 24;

  private static final int E5M2 = 23;
  private static final int FLOAT = 6;

  /**
   * The scale has a dimension: PyTorch would take a scalar in the type of x, where a small one may
   * be 0. So the quotient is one of 32 bits, rounded once.
   */
  private static final String QUANTISE =
      """
      def eighth(x: Tensor, largest: float, type: int) -> Tuple[Tensor, Tensor]:
          most = torch.reshape(torch.linalg_vector_norm(x, float("inf"), dtype=6), [1])
          scale = torch.div(torch.clamp(most, 1e-30), largest)
          y = torch.empty_like(x, dtype=type)
          return (torch.div(x, scale, out=y), scale)
      """;

  /** A product of a (M, K) and bᵀ, with b (N, K), both of eight bits. */
  private static final String PRODUCT =
      """
      def product8(a: Tensor, b: Tensor, scale_a: Tensor, scale_b: Tensor, bias: Optional[Tensor], type: int, fast: bool) -> Tensor:
          if a.is_cuda:
              y = torch._scaled_mm(a, torch.t(b), scale_a, scale_b, bias, None, type, fast)
          else:
              y = torch.mm(torch.mul(a.to(6), scale_a), torch.t(torch.mul(b.to(6), scale_b))).to(type)
              if bias is not None:
                  y = torch.add(y, bias)
          return y
      """;

  private static final String FORWARD =
      QUANTISE
          + PRODUCT
          + """
          def map8(x: Tensor, rows: Tensor, scale: Tensor, bias: Optional[Tensor]) -> Tensor:
              flat = torch.contiguous(torch.reshape(x, [-1, torch.size(x, -1)]))
              x8, by, = eighth(flat, 448., {input})
              y = product8(x8, rows, by, scale, bias, x.dtype, True)
              size = torch.slice(torch.size(x), 0, -1)
              return torch.reshape(y, torch.add(size, [torch.size(rows, 0)]))
          """;

  private static final String BACK =
      QUANTISE
          + PRODUCT
          + """
          def onward(g: Tensor, columns: Tensor, scale: Tensor) -> Tensor:       # g (…, out) → (…, in)
              flat = torch.contiguous(torch.reshape(g, [-1, torch.size(g, -1)]))
              g8, by, = eighth(flat, 57344., {gradient})
              other = {columns}                                               # (in, out)
              y = product8(g8, other, by, scale, None, g.dtype, False)
              size = torch.slice(torch.size(g), 0, -1)
              return torch.reshape(y, torch.add(size, [torch.size(other, 0)]))
          """;

  private static final Kernel MAP =
      Kernel.of(
              FORWARD
                  + """
                  def map(x: Tensor, rows: Tensor, columns: Tensor, scale: Tensor) -> Tensor:
                      return map8(x, rows, scale, None)
                  """)
          .derivative(
              "x",
              BACK
                  + """
                  def back(g: Tensor, columns: Tensor, scale: Tensor) -> Tensor:
                      return onward(g, columns, scale)
                  """);

  private static final Kernel MAP_BIAS =
      Kernel.of(
              FORWARD
                  + """
                  def map(x: Tensor, rows: Tensor, columns: Tensor, scale: Tensor, bias: Tensor) -> Tensor:
                      if x.dtype == 6 or x.dtype == 7:                        # no bias in one call there
                          y = torch.add(map8(x, rows, scale, None), bias.to(x.dtype))
                      else:
                          y = map8(x, rows, scale, bias.to(x.dtype))
                      return y
                  """)
          .derivative(
              "x",
              BACK
                  + """
                  def back(g: Tensor, columns: Tensor, scale: Tensor) -> Tensor:
                      return onward(g, columns, scale)
                  """)
          .derivative(
              "x, bias",
              BACK
                  + """
                  def back(g: Tensor, columns: Tensor, scale: Tensor, bias: Tensor) -> List[Tensor]:
                      return [onward(g, columns, scale), torch.sum_to_size(g, torch.size(bias)).to(bias.dtype)]
                  """);

  private static final Kernel DENSE_MAP =
      Kernel.of(
          """
          def map(x: Tensor, rows: Tensor, scale: Tensor) -> Tensor:
              return torch.linear(x, torch.mul(rows.to(6), scale).to(x.dtype))
          """);
  private static final Kernel DENSE_MAP_BIAS =
      Kernel.of(
          """
          def map(x: Tensor, rows: Tensor, scale: Tensor, bias: Tensor) -> Tensor:
              return torch.linear(x, torch.mul(rows.to(6), scale).to(x.dtype), bias.to(x.dtype))
          """);

  private static final Kernel OF =
      Kernel.of(
          QUANTISE
              + """
              def of(w: Tensor) -> Tuple[Tensor, Tensor]:
                  return eighth(torch.contiguous({w}), 448., 24)
              """);
  private static final Kernel OTHER_LAYOUT =
      Kernel.of(
          """
          def other(rows: Tensor) -> Tensor:
              return torch.contiguous(torch.t(rows))
          """);
  private static final Kernel DENSE =
      Kernel.of(
          """
          def dense(rows: Tensor, scale: Tensor) -> Tensor:
              return torch.contiguous(torch.mul({rows}.to(6), scale).to({type}))
          """);

  private final NDArray rows;
  private final NDArray columns;
  private final NDArray scale;
  private final boolean transposed;
  private final Kernel map;
  private final Kernel mapBias;
  private final Kernel dense;

  private Float8Matrix(
      NDArray rows, NDArray columns, NDArray scale, boolean transposed, Precision precision) {
    this.rows = Scope.release(rows);
    this.columns = Scope.release(columns);
    this.scale = Scope.release(scale);
    this.transposed = transposed;
    String other = rows == columns ? "torch.contiguous(torch.t(columns))" : "columns";
    boolean rounded = !UNROUNDED.equals(System.getProperty(EMULATED));
    this.map = bound(MAP, other, rounded);
    this.mapBias = bound(MAP_BIAS, other, rounded);
    this.dense =
        DENSE
            .with("rows", transposed ? "torch.t(rows)" : "rows")
            .with("type", precision.scalarType());
  }

  private static Kernel bound(Kernel kernel, String columns, boolean rounded) {
    return kernel
        .with("columns", columns)
        .with("input", rounded ? E4M3 : FLOAT)
        .with("gradient", rounded ? E5M2 : FLOAT);
  }

  /**
   * Rounds a matrix to eight bits.
   *
   * @param weight (out, in), or (in, out) if transposed; sizes as {@link #fits} says. The caller
   *     keeps it
   * @param precision of {@link #dense()}
   */
  public static Float8Matrix of(
      NDArray weight, boolean transposed, Precision precision, Float8 layout) {
    NDList both =
        Autograd.without(() -> OF.with("w", transposed ? "torch.t(w)" : "w").callForAll(weight));
    NDArray rows = both.get(0);
    NDArray columns =
        layout == Float8.ONE_LAYOUT ? rows : Autograd.without(() -> OTHER_LAYOUT.call(rows));
    return new Float8Matrix(rows, columns, both.get(1), transposed, precision);
  }

  /** Whether a matrix of this shape can be multiplied: both sizes are multiples of 16. */
  public static boolean fits(Shape shape) {
    return shape.dimension() == 2 && shape.get(0) % MULTIPLE == 0 && shape.get(1) % MULTIPLE == 0;
  }

  /**
   * Checks that a device multiplies numbers of eight bits.
   *
   * @param precision of their results
   * @throws IllegalArgumentException saying what the device has, and what to do
   */
  public static void require(Device device, Precision precision) {
    if (precision == Precision.FLOAT64) {
      throw new IllegalArgumentException(
          "products of eight-bit numbers have results of 16 or 32 bits, and the model is in FLOAT64;"
              + " load it in another precision(…) or without frozenProducts(…)");
    }
    if (System.getProperty(EMULATED) != null && !device.isGpu()) {
      return;
    }
    if (!device.isGpu()) {
      throw new IllegalArgumentException(
          "products of eight-bit numbers need a GPU of compute capability 8.9 or more, and the"
              + " device is "
              + device
              + "; load the model without frozenProducts(…)");
    }
    OptionalInt capability = PyTorch.capability(device);
    if (capability.isPresent() && capability.getAsInt() < ADA) {
      throw new IllegalArgumentException(
          "products of eight-bit numbers need a GPU of compute capability 8.9 or more (Ada,"
              + " Hopper), and "
              + device
              + " has "
              + capability.getAsInt() / 10.0
              + "; load the model without frozenProducts(…)");
    }
  }

  /**
   * The map x Wᵀ + b.
   *
   * @param x (…, in)
   * @param bias (out), or null
   */
  public NDArray map(NDArray x, @Nullable NDArray bias) {
    boolean graph =
        Autograd.isRecording()
            && !Kernel.isNoted()
            && (Autograd.requiresGradient(x) || (bias != null && Autograd.requiresGradient(bias)));
    if (graph) {
      return bias == null
          ? DENSE_MAP.call(x, rows, scale)
          : DENSE_MAP_BIAS.call(x, rows, scale, bias);
    }
    return bias == null
        ? map.call(x, rows, columns, scale)
        : mapBias.call(x, rows, columns, scale, bias);
  }

  /** The matrix in the model's precision and as it was stored, a new array. */
  public NDArray dense() {
    return dense.call(rows, scale);
  }

  /** The numbers (out, in) without their scale. DJL does not know their type. */
  public NDArray numbers() {
    return rows;
  }

  /** The shape of the matrix as it was stored. */
  public Shape shape() {
    Shape shape = rows.getShape();
    return transposed ? new Shape(shape.get(1), shape.get(0)) : shape;
  }

  @Override
  public void close() {
    rows.close();
    columns.close();
    scale.close();
  }
}
