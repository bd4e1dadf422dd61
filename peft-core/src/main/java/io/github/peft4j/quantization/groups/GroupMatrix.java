package io.github.peft4j.quantization.groups;

import ai.djl.ndarray.NDArray;
import ai.djl.ndarray.types.Shape;
import io.github.peft4j.kernel.Kernel;
import io.github.peft4j.kernel.Precision;
import io.github.peft4j.quantization.StoredMatrix;
import java.util.List;
import org.jspecify.annotations.Nullable;

/**
 * A frozen matrix W (out, in) of whole numbers q in groups: w = s (q − z). Products make it dense
 * for their own time. It is computed in 32 bits and rounded once, to the model's precision.
 */
public final class GroupMatrix extends StoredMatrix {

  private static final Kernel DENSE =
      Kernel.of(
          """
          def dense(codes: Tensor, scales: Tensor, zeros: Tensor, groups: Tensor) -> Tensor:
              q = codes                                                    # (out, in)
              if {bits} == 4:                                              # (out, in / 2)
                  both = [torch.bitwise_and(codes, 15), torch.bitwise_right_shift(codes, 4)]
                  q = torch.flatten(torch.stack(both, -1), 1)
              if torch.numel(groups) > 0:                                  # groups (in)
                  z = torch.index_select(zeros, 1, groups).to(6)
                  s = torch.index_select(scales, 1, groups).to(6)
                  w = torch.mul(torch.sub(q.to(6), z), s)
              else:                                                        # groups of neighbours
                  x = torch.reshape(q, [torch.size(q, 0), torch.size(scales, 1), -1])
                  shifted = torch.sub(x.to(6), torch.unsqueeze(zeros.to(6), -1))
                  w = torch.flatten(torch.mul(shifted, torch.unsqueeze(scales.to(6), -1)), 1)
              return w.to({type})
          """);

  private final Groups quantization;

  private GroupMatrix(
      Groups quantization, boolean transposed, Precision precision, NDArray... parts) {
    super(
        DENSE.with("bits", quantization.bits()).with("type", precision.scalarType()),
        rows(quantization, parts[0].getShape()),
        transposed,
        parts);
    this.quantization = quantization;
  }

  private static Shape rows(Groups quantization, Shape codes) {
    return new Shape(codes.get(0), codes.get(1) * Byte.SIZE / quantization.bits());
  }

  /**
   * A matrix of these parts, which it owns from now on.
   *
   * @param codes q (out, in) of uint8; of 4 bits (out, in / 2), the even inputs in the low bits
   * @param scales s (out, groups), floating-point
   * @param zeros z (out, groups), floating-point
   * @param groups the group of each input, int32 (in), each below the number of groups; null if
   *     groups are of neighbours and of the same size
   * @param transposed whether {@link #dense()} is (in, out)
   * @param precision of {@link #dense()}
   */
  public static GroupMatrix of(
      Groups quantization,
      NDArray codes,
      NDArray scales,
      NDArray zeros,
      @Nullable NDArray groups,
      boolean transposed,
      Precision precision) {
    NDArray none = groups == null ? codes.getManager().create(new int[0], new Shape(0)) : groups;
    return new GroupMatrix(quantization, transposed, precision, codes, scales, zeros, none);
  }

  private GroupMatrix(GroupMatrix like, List<NDArray> parts) {
    super(like, parts);
    this.quantization = like.quantization;
  }

  @Override
  public GroupMatrix of(List<NDArray> arrays) {
    return new GroupMatrix(this, arrays);
  }

  @Override
  public Groups quantization() {
    return quantization;
  }
}
