package io.github.peft4j.quantization.groups;

import ai.djl.Device;
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

/**
 * Whole numbers of 4 or 8 bits in groups of inputs: w = s (q − z), with a scale s and a zero z for
 * each row and group.
 *
 * <p>{@link #store} rounds to the nearest number: z and s are such that the least and the largest
 * number of a group, and 0, are among its values. GPTQ and AWQ choose better ones by data; what
 * they made is read from their checkpoints.
 *
 * @param bits of a number, 4 or 8
 * @param size the number of inputs in a group, above 0
 */
public record Groups(int bits, int size) implements Quantization {

  /** The scale is rounded to float16 first, since it is kept so. */
  private static final Kernel ROUND =
      Kernel.of(
          """
          def round(w: Tensor) -> Tuple[Tensor, Tensor, Tensor]:                      # w (out, in)
              x = torch.reshape({w}.to(6), [torch.size({w}, 0), -1, {size}])          # (out, groups, size)
              low = torch.clamp_max(torch.amin(x, [-1]), 0)
              high = torch.clamp_min(torch.amax(x, [-1]), 0)
              scales = torch.clamp_min(torch.div(torch.sub(high, low), {largest}), 6.1e-5).to(5)
              s = scales.to(6)
              zeros = torch.clamp(torch.round(torch.div(torch.neg(low), s)), 0, {largest})
              q = torch.add(torch.round(torch.div(x, torch.unsqueeze(s, -1))), torch.unsqueeze(zeros, -1))
              codes = torch.flatten(torch.clamp(q, 0, {largest}).to(0), 1)            # (out, in)
              if {bits} == 4:
                  codes = torch.bitwise_or(torch.slice(codes, 1, 0, None, 2), torch.bitwise_left_shift(torch.slice(codes, 1, 1, None, 2), 4))
              return (torch.contiguous(codes), torch.contiguous(scales), torch.contiguous(zeros.to(5)))
          """);

  /**
   * @throws IllegalArgumentException for bits other than 4 and 8, and for a size below 1
   */
  public Groups {
    if (bits != 4 && bits != 8) {
      throw new IllegalArgumentException("bits is " + bits + "; expected 4 or 8");
    }
    if (size < 1) {
      throw new IllegalArgumentException(
          "the size of groups is " + size + "; expected a number above 0, such as 128");
    }
  }

  @Override
  public FrozenMatrix store(NDArray weight, boolean transposed, Precision precision) {
    return Autograd.without(
        () -> {
          try (Scope scope = new Scope()) { // the matrix keeps its arrays
            NDList parts =
                ROUND
                    .with("w", transposed ? "torch.t(w)" : "w")
                    .with("size", size)
                    .with("largest", (1 << bits) - 1)
                    .with("bits", bits)
                    .callForAll(weight);
            Weights.requireFinite(parts.get(1), ", or too large for a scale of float16", this);
            return GroupMatrix.of(
                this, parts.get(0), parts.get(1), parts.get(2), null, transposed, precision);
          }
        });
  }

  /** Whether both sizes are multiples of a group's, and even. */
  @Override
  public boolean fits(Shape shape) {
    return shape.dimension() == 2 && fits(shape.get(0)) && fits(shape.get(1));
  }

  private boolean fits(long inputs) {
    return inputs > 0 && inputs % size == 0 && inputs % 2 == 0;
  }

  /** Every device computes with such matrices. */
  @Override
  public void require(Device device, Precision precision) {}

  @Override
  public double bitsPerNumber() {
    return bits + 32.0 / size;
  }

  @Override
  public String named() {
    return "int" + bits + " in groups of " + size;
  }
}
