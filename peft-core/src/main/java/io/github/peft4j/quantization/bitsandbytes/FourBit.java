package io.github.peft4j.quantization.bitsandbytes;

import ai.djl.Device;
import ai.djl.ndarray.NDArray;
import ai.djl.ndarray.NDList;
import ai.djl.ndarray.NDManager;
import ai.djl.ndarray.types.Shape;
import io.github.peft4j.kernel.Autograd;
import io.github.peft4j.kernel.Kernel;
import io.github.peft4j.kernel.Precision;
import io.github.peft4j.kernel.Scope;
import io.github.peft4j.quantization.Quantization;
import io.github.peft4j.quantization.Weights;
import java.util.Arrays;
import java.util.Locale;

/**
 * A format of four bits, as bitsandbytes 0.50 stores it: of the rows of a matrix, one after the
 * other, blocks of 64 numbers are divided by their largest, and each quotient takes the nearest of
 * sixteen. Codes, statistics and the numbers that they stand for are those of its CPU
 * implementation, bit for bit, on GPUs, too. See {@link Nf4} and {@link Fp4}.
 *
 * <p>Products are computed with a dense copy of the matrix in the model's precision, which is freed
 * after the product.
 */
public final class FourBit implements Quantization {

  /** The numbers of a block. */
  static final int BLOCK = 64;

  /** The statistics of a block of theirs. */
  static final int NESTED_BLOCK = 256;

  /**
   * w (…), the code bounds (15), and the codes in their order (16) → packed codes (n / 2, 1) and
   * the largest numbers of blocks (n / 64). Works on some millions of numbers at once.
   *
   * <p>The quotients of a last block that is not full are true ones; others are products with the
   * reciprocal. So bitsandbytes rounds.
   */
  private static final Kernel QUANTIZE =
      Kernel.of(
              """
          def codes(quotients: Tensor, bounds: Tensor, order: Tensor) -> Tensor:        # (n) → (⌈n / 2⌉)
              x = torch.clamp(quotients, -1, 1)
              if torch.numel(x) % 2 == 1:
                  x = torch.constant_pad_nd(x, [0, 1])
              code = torch.index_select(order, 0, torch.bucketize(x, bounds, out_int32=True)).to(0)
              high = torch.slice(code, 0, 0, 9223372036854775807, 2)
              low = torch.slice(code, 0, 1, 9223372036854775807, 2)
              return torch.add(torch.mul(high, 16), low)

          def quantize(w: Tensor, bounds: Tensor, order: Tensor) -> Tuple[Tensor, Tensor]:
              flat = torch.reshape(w, [-1])
              n = torch.numel(flat)
              full = n // {block}
              rest = n % {block}
              packed = annotate(List[Tensor], [])
              largest = annotate(List[Tensor], [])
              for i in range((full + {some} - 1) // {some}):
                  count = min({some}, full - i * {some})
                  x = torch.reshape(torch.narrow(flat, 0, i * {some} * {block}, count * {block}).to(6), [count, {block}])
                  most = torch.amax(torch.abs(x), [1], True)
                  quotients = torch.mul(x, torch.reciprocal(torch.clamp(most, 1e-38)))
                  _0 = torch.append(packed, codes(torch.reshape(quotients, [-1]), bounds, order))
                  _1 = torch.append(largest, torch.reshape(most, [-1]))
              if rest > 0:
                  x = torch.narrow(flat, 0, full * {block}, rest).to(6)
                  most = torch.clamp(torch.amax(torch.abs(x), [0], True), 1e-38)
                  _2 = torch.append(packed, codes(torch.div(x, most), bounds, order))
                  _3 = torch.append(largest, most)
              return (torch.unsqueeze(torch.cat(packed), 1), torch.cat(largest))
          """)
          .with("block", BLOCK)
          .with("some", (1 << 22) / BLOCK);

  /**
   * The largest numbers (m), the means of neighbours of {@link DynamicMap} (255) → codes (m), the
   * largest of each block of 256, and what was subtracted before (). bitsandbytes rounds quotients
   * to a grid of 65536 before it takes the nearest number.
   */
  private static final Kernel NEST =
      Kernel.of(
              """
          def nest(largest: Tensor, bounds: Tensor) -> Tuple[Tensor, Tensor, Tensor]:
              offset = torch.mean(largest)
              m = torch.numel(largest)
              blocks = (m + {block} - 1) // {block}
              x = torch.constant_pad_nd(torch.sub(largest, offset), [0, blocks * {block} - m])
              x = torch.reshape(x, [blocks, {block}])
              most = torch.amax(torch.abs(x), [1], True)
              quotients = torch.clamp(torch.mul(x, torch.reciprocal(most)), -1, 1)
              grid = torch.trunc(torch.add(torch.mul(torch.mul(torch.add(quotients, 1.0), 0.5), 65535.0), 0.5))
              nearest = torch.add(torch.div(torch.mul(grid, 2.0), 65535.0), -1.0)
              code = torch.bucketize(nearest, bounds, out_int32=True)
              code = torch.where(torch.eq(most, 0.0), torch.zeros_like(code), code).to(0)
              return (torch.narrow(torch.reshape(code, [-1]), 0, 0, m), torch.reshape(most, [-1]), offset)
          """)
          .with("block", NESTED_BLOCK);

  private final FourBitCode code;
  private final boolean nested;

  FourBit(FourBitCode code, boolean nested) {
    this.code = code;
    this.nested = nested;
  }

  /** The sixteen numbers in [-1, 1], in the order of their codes. */
  public float[] codes() {
    return code.numbers();
  }

  /** Whether the largest numbers of blocks are quantised, too. */
  public boolean isNested() {
    return nested;
  }

  @Override
  public FourBitMatrix store(NDArray weight, boolean transposed, Precision precision) {
    NDManager manager = weight.getManager();
    return Autograd.without(
        () -> {
          try (Scope scope = new Scope()) { // the matrix keeps its arrays
            NDArray rows = Weights.byRows(weight, transposed);
            NDList both = QUANTIZE.callForAll(rows, code.bounds(manager), code.order(manager));
            NDArray largest = both.get(1);
            Weights.requireFinite(largest, "", this);
            NestedStatistics statistics = null;
            if (nested) {
              float[] values = DynamicMap.values(true);
              float[] middles = Arrays.copyOf(DynamicMap.middles(values), values.length - 1);
              NDList parts = NEST.callForAll(largest, manager.create(middles));
              NDArray map = manager.create(values);
              largest = parts.get(0);
              statistics = new NestedStatistics(parts.get(1), map, parts.get(2), NESTED_BLOCK);
            }
            return FourBitMatrix.of(
                this,
                new FourBitMatrix.Stored(both.get(0), largest, statistics, BLOCK),
                rows.getShape(),
                transposed,
                precision);
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
    return 4 + 32.0 / BLOCK / (nested ? 4 : 1);
  }

  @Override
  public String named() {
    return code + (nested ? ", double quantised" : "");
  }

  /** bitsandbytes' name of the format: {@code nf4} or {@code fp4}. */
  public String quantType() {
    return code.name().toLowerCase(Locale.ROOT);
  }

  @Override
  public String toString() {
    return named();
  }
}
