package io.github.peft4j.quantization.bitsandbytes;

import ai.djl.Device;
import ai.djl.ndarray.NDArray;
import ai.djl.ndarray.NDList;
import ai.djl.ndarray.types.Shape;
import io.github.peft4j.kernel.Autograd;
import io.github.peft4j.kernel.Kernel;
import io.github.peft4j.kernel.Precision;
import io.github.peft4j.kernel.Scope;
import io.github.peft4j.quantization.Quantization;
import io.github.peft4j.quantization.Weights;

/**
 * Frozen weights in whole numbers of eight bits: half the memory of 16 bits, on every device. A
 * weight is {@code code · largest / 127}.
 *
 * <p>Products are computed with a dense copy of the matrix in the model's precision, which is freed
 * after the product. bitsandbytes' LLM.int8 rounds inputs to eight bits, too, except for outliers;
 * here inputs are not rounded.
 */
public enum Int8 implements Quantization {
  /**
   * Each row of (out, in) has its own largest number. Codes and largest numbers are those that
   * bitsandbytes stores (LLM.int8, Dettmers et al. 2022, arXiv:2208.07339), bit for bit; it rounds
   * weights to float16 first.
   */
  BY_ROW("1", "w.to(5)"),
  /** The whole matrix has one: plain absmax quantisation. A row of small numbers loses digits. */
  ABSMAX("0, 1", "w");

  private static final Kernel QUANTIZE =
      Kernel.of(
          """
          def quantize(w: Tensor) -> Tuple[Tensor, Tensor]:              # (out, in)
              rounded = {rounded}
              most = torch.amax(torch.abs(rounded), [{over}], True).to(6)
              codes = torch.round(torch.mul(rounded.to(6), torch.mul(torch.reciprocal(most), 127.0)))
              codes = torch.where(torch.eq(most, 0.0), torch.zeros_like(codes), codes)
              return (codes.to(1), torch.reshape(most, [-1]))
          """);

  private final String over;
  private final String rounded;

  Int8(String over, String rounded) {
    this.over = over;
    this.rounded = rounded;
  }

  @Override
  public Int8Matrix store(NDArray weight, boolean transposed, Precision precision) {
    return Autograd.without(
        () -> {
          try (Scope scope = new Scope()) { // the matrix keeps its arrays
            NDArray rows = Weights.byRows(weight, transposed);
            NDList both = QUANTIZE.with("over", over).with("rounded", rounded).callForAll(rows);
            Weights.requireFinite(both.get(1), ", or too large for float16", this);
            return Int8Matrix.of(this, both.get(0), both.get(1), transposed, precision);
          }
        });
  }

  /** Every matrix fits. */
  @Override
  public boolean fits(Shape shape) {
    return shape.dimension() == 2 && shape.size() > 0;
  }

  /** Every device and precision will do. */
  @Override
  public void require(Device device, Precision precision) {}

  @Override
  public double bitsPerNumber() {
    return 8;
  }

  @Override
  public String named() {
    return this == BY_ROW ? "int8 by row" : "int8";
  }
}
