package io.github.peft4j.quantization.float8;

import ai.djl.ndarray.NDArray;
import ai.djl.ndarray.NDList;
import ai.djl.ndarray.types.Shape;
import io.github.peft4j.kernel.Autograd;
import io.github.peft4j.kernel.Kernel;
import io.github.peft4j.kernel.Precision;
import io.github.peft4j.kernel.Scope;
import io.github.peft4j.quantization.FrozenMatrix;
import io.github.peft4j.quantization.Quantization;
import io.github.peft4j.quantization.Weights;
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
public final class Float8Matrix implements FrozenMatrix {

  private static final String UNROUNDED = "unrounded";

  /**
   * The largest size of a number. It has a dimension, as the scale: PyTorch would take a scalar in
   * the type of x, where a small one may be 0. So quotients are of 32 bits, and rounded once.
   */
  private static final Kernel PARTS =
      Kernel.of(
              """
          def parts(x: Tensor) -> Tensor:
              return torch.reshape(torch.linalg_vector_norm(x, float("inf"), dtype=6), [1])
          """)
          .cuda(Float8Text.PARTS);

  private static final Kernel QUOTIENTS =
      Kernel.of(
          """
          def quotients(x: Tensor, parts: Tensor) -> Tuple[Tensor, Tensor]:
              scale = torch.div(torch.clamp(torch.amax(parts, [0], True), 1e-30), {largest})
              y = torch.empty_like(x, dtype={type})
              return (torch.div(x, scale, out=y), scale)
          """);
  private static final Kernel INPUT = quotients(Float8Text.E4M3);
  private static final Kernel GRADIENT = quotients(Float8Text.E5M2);
  private static final Kernel UNROUNDED_QUOTIENTS =
      QUOTIENTS.with("largest", 1.0).with("type", Precision.FLOAT32.scalarType());

  /** A product of a (…, K) and bᵀ, with b (N, K), both of eight bits: (…, N) in the type of x. */
  private static final String PRODUCT =
      """
      def product8(x: Tensor, a: Tensor, scale_a: Tensor, b: Tensor, scale_b: Tensor, bias: Optional[Tensor], fast: bool) -> Tensor:
          flat = torch.contiguous(torch.reshape(a, [-1, torch.size(a, -1)]))
          if a.is_cuda:
              y = torch._scaled_mm(flat, torch.t(b), scale_a, scale_b, bias, None, x.dtype, fast)
          else:
              y = torch.mm(torch.mul(flat.to(6), scale_a), torch.t(torch.mul(b.to(6), scale_b))).to(x.dtype)
              if bias is not None:
                  y = torch.add(y, bias)
          size = torch.slice(torch.size(a), 0, -1)
          return torch.reshape(y, torch.add(size, [torch.size(b, 0)]))
      """;

  private static final Kernel MULTIPLY =
      Kernel.of(
          PRODUCT
              + """
              def multiply(x: Tensor, x8: Tensor, by: Tensor, rows: Tensor, scale: Tensor) -> Tensor:
                  return product8(x, x8, by, rows, scale, None, True)
              """);
  private static final Kernel MULTIPLY_BIAS =
      Kernel.of(
          PRODUCT
              + """
              def multiply(x: Tensor, x8: Tensor, by: Tensor, rows: Tensor, scale: Tensor, bias: Tensor) -> Tensor:
                  if x.dtype == 6:                                   # no bias in one call there
                      y = torch.add(product8(x, x8, by, rows, scale, None, True), bias.to(6))
                  else:
                      y = product8(x, x8, by, rows, scale, bias.to(x.dtype), True)
                  return y
              """);
  private static final Kernel MULTIPLY_BACK =
      Kernel.of(
          PRODUCT
              + """
              def multiply(g: Tensor, g8: Tensor, by: Tensor, columns: Tensor, scale: Tensor) -> Tensor:
                  other = columns                                              # (in, out)
                  if {turn}:
                      other = torch.contiguous(torch.t(columns))
                  return product8(g, g8, by, other, scale, None, False)
              """);
  private static final Kernel SUM =
      Kernel.of(
          """
          def sum(g: Tensor, bias: Tensor) -> Tensor:
              return torch.sum_to_size(g, torch.size(bias)).to(bias.dtype)
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
  private final Float8 layout;
  private final Kernel map;
  private final Kernel mapBias;
  private final Kernel dense;

  private Float8Matrix(
      NDArray rows,
      NDArray columns,
      NDArray scale,
      boolean transposed,
      Precision precision,
      Float8 layout) {
    this.rows = Scope.release(rows);
    this.columns = Scope.release(columns);
    this.scale = Scope.release(scale);
    this.transposed = transposed;
    this.layout = layout;
    boolean rounded = !UNROUNDED.equals(System.getProperty(Float8.EMULATED));
    Kernel input = rounded ? INPUT : UNROUNDED_QUOTIENTS;
    Kernel gradient = rounded ? GRADIENT : UNROUNDED_QUOTIENTS;
    Kernel onward = MULTIPLY_BACK.with("turn", rows == columns);
    Kernel back = // g (…, out) → (…, in)
        Kernel.of("def back(g, columns, scale)").by(given -> product(gradient, onward, given));
    Kernel backBias =
        Kernel.of("def back(g, columns, scale, bias)")
            .by(
                given -> {
                  NDList frozen = given.subNDList(0, 3);
                  NDList gradients = product(gradient, onward, frozen);
                  gradients.add(SUM.call(given.get(0), given.get(3)));
                  return gradients;
                });
    this.map =
        Kernel.of("def map(x, rows, columns, scale)")
            .derivative("x", null, back)
            .by(given -> product(input, MULTIPLY, without(given, 2)));
    this.mapBias =
        Kernel.of("def map(x, rows, columns, scale, bias)")
            .derivative("x", null, back)
            .derivative("x, bias", null, backBias)
            .by(given -> product(input, MULTIPLY_BIAS, without(given, 2)));
    this.dense =
        DENSE
            .with("rows", transposed ? "torch.t(rows)" : "rows")
            .with("type", precision.scalarType());
  }

  private static Kernel quotients(Float8Text format) {
    return QUOTIENTS
        .with("largest", (double) format.largest())
        .with("type", format.type())
        .cuda(format.quotients());
  }

  /** Rounds the first array, and multiplies it with the matrix in the others. */
  private static NDList product(Kernel quotients, Kernel multiply, NDList given) {
    try (Scope scope = new Scope()) {
      NDArray x = given.get(0);
      NDList rounded = quotients.callForAll(x, PARTS.call(x));
      NDList arguments = new NDList(x, rounded.get(0), rounded.get(1));
      arguments.addAll(given.subNDList(1));
      return new NDList(scope.keep(multiply.call(arguments.toArray(new NDArray[0]))));
    }
  }

  private static NDList without(NDList arrays, int index) {
    NDList rest = new NDList(arrays);
    rest.remove(index);
    return rest;
  }

  /**
   * Rounds a matrix to eight bits.
   *
   * @param weight (out, in), or (in, out) if transposed; sizes as {@link Float8#fits} says. The
   *     caller keeps it
   * @param precision of {@link #dense()}
   */
  public static Float8Matrix of(
      NDArray weight, boolean transposed, Precision precision, Float8 layout) {
    return Autograd.without(
        () -> {
          try (Scope scope = new Scope()) { // the matrix keeps its arrays
            NDArray matrix = Weights.byRows(weight, transposed);
            NDList both = INPUT.callForAll(matrix, PARTS.call(matrix));
            Weights.requireFinite(both.get(1), "", layout);
            NDArray rows = both.get(0);
            NDArray columns = layout == Float8.ONE_LAYOUT ? rows : OTHER_LAYOUT.call(rows);
            return new Float8Matrix(rows, columns, both.get(1), transposed, precision, layout);
          }
        });
  }

  @Override
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

  @Override
  public NDArray dense() {
    return dense.call(rows, scale);
  }

  /** The numbers (out, in) without their scale. DJL does not know their type. */
  @Override
  public NDArray numbers() {
    return rows;
  }

  @Override
  public Shape shape() {
    Shape shape = rows.getShape();
    return transposed ? new Shape(shape.get(1), shape.get(0)) : shape;
  }

  @Override
  public Quantization quantization() {
    return layout;
  }

  @Override
  public void close() {
    rows.close();
    columns.close();
    scale.close();
  }
}
