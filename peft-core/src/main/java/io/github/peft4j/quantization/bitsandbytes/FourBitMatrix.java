package io.github.peft4j.quantization.bitsandbytes;

import ai.djl.ndarray.NDArray;
import ai.djl.ndarray.types.DataType;
import ai.djl.ndarray.types.Shape;
import io.github.peft4j.kernel.Kernel;
import io.github.peft4j.kernel.Precision;
import io.github.peft4j.kernel.cuda.CudaText;
import io.github.peft4j.quantization.StoredMatrix;
import java.util.List;
import java.util.stream.Stream;
import org.jspecify.annotations.Nullable;

/** A frozen matrix in four bits. See {@link FourBit}. */
public final class FourBitMatrix extends StoredMatrix {

  /**
   * What bitsandbytes stores of a matrix with n numbers.
   *
   * @param packed (⌈n / 2⌉, 1) in eight bits, row by row of (out, in); the first code of two has
   *     the upper half
   * @param absmax (⌈n / block⌉): the largest numbers of blocks in 32 bits, or codes of them
   * @param nested what the codes stand for; null if there are none
   * @param block the number of numbers of a block, an even one
   */
  public record Stored(
      NDArray packed, NDArray absmax, @Nullable NestedStatistics nested, int block) {

    private List<NDArray> arrays() {
      return nested == null
          ? List.of(packed, absmax)
          : List.of(packed, absmax, nested.absmax(), nested.map(), nested.offset());
    }

    private Stored of(List<NDArray> arrays) {
      NestedStatistics others =
          nested == null
              ? null
              : new NestedStatistics(arrays.get(2), arrays.get(3), arrays.get(4), nested.block());
      return new Stored(arrays.get(0), arrays.get(1), others, block);
    }
  }

  /** The largest numbers (m) out of codes: two roundings, as in bitsandbytes. */
  private static final String NESTED =
      """
      def nested(code: Tensor, most: Tensor, map: Tensor, offset: Tensor) -> Tensor:
          m = torch.numel(code)
          value = torch.index_select(map, 0, code.to(3))
          most = torch.narrow(torch.repeat_interleave(most, {nested_block}), 0, 0, m)
          return torch.add(torch.mul(value, most), torch.reshape(offset, [1]))
      """;

  /** Two numbers for each byte of codes: pairs (256, 2). */
  private static final String DENSE =
      """
      def numbers(packed: Tensor, largest: Tensor, pairs: Tensor) -> Tensor:
          flat = torch.reshape(torch.embedding(pairs, torch.reshape(packed, [-1]).to(3)), [-1])
          full = {count} // {block}
          x = torch.reshape(torch.narrow(flat, 0, 0, full * {block}), [full, {block}])
          x = torch.mul_(x, torch.unsqueeze(torch.narrow(largest, 0, 0, full), 1))
          x = torch.reshape(x.to({type}), [-1])
          rest = {count} % {block}
          if rest > 0:
              last = torch.mul(torch.narrow(flat, 0, full * {block}, rest), torch.narrow(largest, 0, full, 1))
              x = torch.cat([x, last.to({type})])
          return torch.reshape(x, [{out}, -1])
      """;

  private static final Kernel PLAIN =
      Kernel.of(
          DENSE
              + """
              def dense(packed: Tensor, absmax: Tensor, pairs: Tensor) -> Tensor:
                  return numbers(packed, absmax, pairs)
              """);

  private static final Kernel DOUBLE =
      Kernel.of(
          DENSE
              + NESTED
              + """
              def dense(packed: Tensor, absmax: Tensor, most: Tensor, map: Tensor, offset: Tensor, pairs: Tensor) -> Tensor:
                  return numbers(packed, nested(absmax, most, map, offset), pairs)
              """);

  private final FourBit format;
  private final Stored stored;

  private FourBitMatrix(
      FourBit format, Stored stored, Shape rows, boolean transposed, Precision precision) {
    super(dense(stored, rows, precision), rows, transposed, parts(format, stored));
    this.format = format;
    this.stored = stored;
  }

  private static Kernel dense(Stored stored, Shape rows, Precision precision) {
    NestedStatistics nested = stored.nested();
    Kernel kernel = nested == null ? PLAIN : DOUBLE.with("nested_block", nested.block());
    Kernel shaped =
        kernel
            .with("block", stored.block())
            .with("count", rows.size())
            .with("out", rows.get(0))
            .with("type", precision.scalarType());
    CudaText text =
        BitsandbytesText.fourBit(
            precision, rows, stored.block(), nested == null ? 0 : nested.block());
    return text == null ? shaped : shaped.cuda(text);
  }

  private static NDArray[] parts(FourBit format, Stored stored) {
    NDArray pairs = stored.packed().getManager().create(pairs(format.codes()), new Shape(256, 2));
    return Stream.concat(stored.arrays().stream(), Stream.of(pairs)).toArray(NDArray[]::new);
  }

  /**
   * A matrix of what has been stored.
   *
   * @param stored which the matrix owns from now on
   * @param rows the shape (out, in)
   * @param transposed whether {@link #dense()} is (in, out)
   * @param precision of {@link #dense()}
   * @throws IllegalArgumentException if arrays do not have the shapes and types that are said there
   */
  public static FourBitMatrix of(
      FourBit format, Stored stored, Shape rows, boolean transposed, Precision precision) {
    check(stored, rows);
    return new FourBitMatrix(format, stored, rows, transposed, precision);
  }

  private static void check(Stored stored, Shape rows) {
    if (rows.dimension() != 2 || rows.size() == 0) {
      throw new IllegalArgumentException("a matrix has the shape " + rows + ", expected (out, in)");
    }
    if (stored.block() < 2 || stored.block() % 2 != 0) {
      throw new IllegalArgumentException(
          "blocks have " + stored.block() + " numbers, expected an even number of them");
    }
    NestedStatistics nested = stored.nested();
    long blocks = (rows.size() + stored.block() - 1) / stored.block();
    check("packed codes", stored.packed(), DataType.UINT8, (rows.size() + 1) / 2);
    check("absmax", stored.absmax(), nested == null ? DataType.FLOAT32 : DataType.UINT8, blocks);
    if (nested != null) {
      if (nested.block() < 1) {
        throw new IllegalArgumentException(
            "blocks of statistics have " + nested.block() + " numbers, expected 1 or more");
      }
      long outer = (blocks + nested.block() - 1) / nested.block();
      check("nested absmax", nested.absmax(), DataType.FLOAT32, outer);
      check("nested map", nested.map(), DataType.FLOAT32, 256);
      check("nested offset", nested.offset(), DataType.FLOAT32, 1);
    }
  }

  private static void check(String what, NDArray array, DataType type, long elements) {
    if (array.getDataType() != type || array.size() != elements) {
      throw new IllegalArgumentException(
          "%s: found %d numbers of %s, expected %d of %s"
              .formatted(what, array.size(), array.getDataType(), elements, type));
    }
  }

  private static float[] pairs(float... values) {
    float[] pairs = new float[512];
    for (int code = 0; code < 256; code++) {
      pairs[2 * code] = values[code >> 4];
      pairs[2 * code + 1] = values[code & 15];
    }
    return pairs;
  }

  private FourBitMatrix(FourBitMatrix like, List<NDArray> parts) {
    super(like, parts);
    this.format = like.format;
    this.stored = like.stored.of(parts);
  }

  @Override
  public FourBitMatrix of(List<NDArray> arrays) {
    return new FourBitMatrix(this, arrays);
  }

  /** What is stored. It stays this matrix's own. */
  public Stored stored() {
    return stored;
  }

  @Override
  public FourBit quantization() {
    return format;
  }
}
