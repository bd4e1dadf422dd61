package io.github.peft4j.io.gguf;

import static java.util.stream.Collectors.joining;

import io.github.peft4j.io.DType;
import io.github.peft4j.io.TensorData;
import io.github.peft4j.io.TensorInfo;
import java.util.Arrays;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.stream.Stream;
import org.jspecify.annotations.Nullable;

/**
 * How a GGUF file stores the numbers of a tensor, under the name that llama.cpp gives it. Types of
 * quantised numbers store a few dozen or hundred elements of a row as a block.
 */
public enum GgufType {
  /** IEEE 754 single precision. */
  F32(0, DType.F32, new NumberBlocks(DType.F32)),
  /** IEEE 754 half precision. */
  F16(1, DType.F16, new NumberBlocks(DType.F16)),
  /** Four bits and a scale for 32 numbers: 4.5 bits for a number. */
  Q4_0(2, new NibbleBlocks(false, 4)),
  /** Four bits, a scale and a minimum for 32 numbers: 5 bits for a number. */
  Q4_1(3, new NibbleBlocks(true, 4)),
  /** Five bits and a scale for 32 numbers: 5.5 bits for a number. */
  Q5_0(6, new NibbleBlocks(false, 5)),
  /** Five bits, a scale and a minimum for 32 numbers: 6 bits for a number. */
  Q5_1(7, new NibbleBlocks(true, 5)),
  /** Eight bits and a scale for 32 numbers: 8.5 bits for a number. */
  Q8_0(8, new ByteBlocks()),
  /** Two bits, with scales and minima of 4 bits for 16 numbers: 2.625 bits for a number. */
  Q2_K(10, new TwoBitBlocks()),
  /** Three bits, with scales of 6 bits for 16 numbers: 3.4375 bits for a number. */
  Q3_K(11, new ThreeBitBlocks()),
  /** Four bits, with scales and minima of 6 bits for 32 numbers: 4.5 bits for a number. */
  Q4_K(12, new ScaledNibbleBlocks(4)),
  /** Five bits, with scales and minima of 6 bits for 32 numbers: 5.5 bits for a number. */
  Q5_K(13, new ScaledNibbleBlocks(5)),
  /** Six bits, with scales of 8 bits for 16 numbers: 6.5625 bits for a number. */
  Q6_K(14, new SixBitBlocks()),
  /** Four bits that stand for the numbers of a table, and a scale for 32: 4.5 bits for a number. */
  IQ4_NL(20, new TableBlocks()),
  /** Signed 8-bit integer. */
  I8(24, DType.I8, null),
  /** Signed 16-bit integer. */
  I16(25, DType.I16, null),
  /** Signed 32-bit integer. */
  I32(26, DType.I32, null),
  /** Signed 64-bit integer. */
  I64(27, DType.I64, null),
  /** IEEE 754 double precision. */
  F64(28, DType.F64, null),
  /** The upper half of an {@link #F32}. */
  BF16(30, DType.BF16, new NumberBlocks(DType.BF16));

  /** Types of llama.cpp that are not read here, by number. */
  private static final Map<Integer, String> OTHERS =
      Map.ofEntries(
          Map.entry(4, "Q4_2, which llama.cpp gave up"),
          Map.entry(5, "Q4_3, which llama.cpp gave up"),
          Map.entry(9, "Q8_1"),
          Map.entry(15, "Q8_K"),
          Map.entry(16, "IQ2_XXS"),
          Map.entry(17, "IQ2_XS"),
          Map.entry(18, "IQ3_XXS"),
          Map.entry(19, "IQ1_S"),
          Map.entry(21, "IQ3_S"),
          Map.entry(22, "IQ2_S"),
          Map.entry(23, "IQ4_XS"),
          Map.entry(29, "IQ1_M"),
          Map.entry(34, "TQ1_0"),
          Map.entry(35, "TQ2_0"),
          Map.entry(39, "MXFP4"),
          Map.entry(40, "NVFP4"),
          Map.entry(41, "Q1_0"));

  private static final List<GgufType> ALL = List.of(values());

  private final int id;
  private final @Nullable DType dtype;
  private final @Nullable Blocks blocks;

  GgufType(int id, Blocks blocks) {
    this(id, null, blocks);
  }

  GgufType(int id, @Nullable DType dtype, @Nullable Blocks blocks) {
    this.id = id;
    this.dtype = dtype;
    this.blocks = blocks;
  }

  /**
   * The type with a number, or nothing.
   *
   * @see #nameOf
   */
  static Optional<GgufType> of(int id) {
    return ALL.stream().filter(type -> type.id == id).findFirst();
  }

  /** What llama.cpp calls a type that is not read here. */
  static String nameOf(int id) {
    String name = OTHERS.get(id);
    return name == null ? Integer.toUnsignedString(id) : "%d (%s)".formatted(id, name);
  }

  /** The number of this type in files. */
  public int id() {
    return id;
  }

  /** The same type in other files, or nothing if numbers are quantised. */
  public Optional<DType> dtype() {
    return Optional.ofNullable(dtype);
  }

  /** Whether several numbers share a scale. */
  public boolean isQuantized() {
    return dtype == null;
  }

  /** Whether numbers can be written as this type: {@link #quantize}. */
  public boolean isWritable() {
    return blocks instanceof Blocks.Writable;
  }

  /** Elements of a block, 1 for plain numbers. */
  public int blockElements() {
    return blocks == null ? 1 : blocks.elements();
  }

  /** Bytes of a block. */
  public int blockBytes() {
    return dtype != null ? dtype.bytes() : blocks().bytes();
  }

  /**
   * The bytes of a tensor.
   *
   * @param shape outermost dimension first
   * @throws IllegalArgumentException if a dimension is negative, the last one is no multiple of
   *     {@link #blockElements()}, or the tensor has 2⁶³ bytes or more
   */
  public long byteCount(long... shape) {
    long elements = 1;
    try {
      for (long length : shape) {
        if (length < 0) {
          throw new IllegalArgumentException(
              "shape %s has a negative dimension".formatted(Arrays.toString(shape)));
        }
        elements = Math.multiplyExact(elements, length);
      }
      long row = shape.length == 0 ? 1 : shape[shape.length - 1];
      if (row % blockElements() != 0) {
        throw new IllegalArgumentException(
            "shape %s of %s, expected a last dimension that is a multiple of %d"
                .formatted(Arrays.toString(shape), this, blockElements()));
      }
      return Math.multiplyExact(elements / blockElements(), (long) blockBytes());
    } catch (ArithmeticException e) {
      throw new IllegalArgumentException(
          "shape %s of %s overflows a 64-bit byte count".formatted(Arrays.toString(shape), this),
          e);
    }
  }

  /**
   * Makes numbers of blocks, as {@code gguf.quants.dequantize} does, bit by bit.
   *
   * @param blocks the blocks, one after the other
   * @param count number of blocks
   * @param values receives the numbers, from its start
   * @throws IllegalArgumentException for integers and F64
   */
  public void dequantize(byte[] blocks, int count, float[] values) {
    Blocks type = blocks();
    for (int i = 0; i < count; i++) {
      type.decode(blocks, i * type.bytes(), values, i * type.elements());
    }
  }

  /**
   * Makes blocks of numbers, as {@code gguf.quants.quantize} does, bit by bit.
   *
   * @param values the numbers, from the start
   * @param count number of blocks
   * @param blocks receives the blocks, one after the other
   * @throws IllegalArgumentException if this type is not {@linkplain #isWritable() writable}, if a
   *     number is not finite and the type has blocks, or if a number or a scale is beyond the
   *     largest half
   */
  public void quantize(float[] values, int count, byte[] blocks) {
    if (!(this.blocks instanceof Blocks.Writable type)) {
      throw new IllegalArgumentException(
          "%s cannot be written; expected one of %s".formatted(this, writable()));
    }
    if (isQuantized()) {
      requireFinite(values, count * type.elements());
    }
    for (int i = 0; i < count; i++) {
      type.encode(values, i * type.elements(), blocks, i * type.bytes());
    }
  }

  /**
   * A tensor's numbers in this type: rounded, or quantised as {@link #quantize} does. They are
   * passed on in pieces of a few hundred kilobytes.
   *
   * @param info type and shape of the numbers
   * @param numbers passes the numbers
   * @throws IllegalArgumentException if this type does not take such numbers: it has to be a
   *     writable one, or for integers their own
   */
  public TensorData blocks(TensorInfo info, TensorData numbers) {
    if (info.dtype() == dtype) {
      return numbers;
    }
    if (!info.dtype().isFloating() || !isWritable()) {
      throw new IllegalArgumentException(
          "tensor %s cannot be written as %s; expected a floating-point tensor, and one of %s"
              .formatted(info, this, writable()));
    }
    return sink -> {
      Encoding encoding = new Encoding(info, this, sink);
      numbers.read(encoding);
      encoding.flush();
    };
  }

  private void requireFinite(float[] values, int count) {
    for (int i = 0; i < count; i++) {
      if (!Float.isFinite(values[i])) {
        throw new IllegalArgumentException(
            "%s is not finite, and %s has finite numbers only; repair the weights, or take F32"
                .formatted(values[i], this));
      }
    }
  }

  private Blocks blocks() {
    if (blocks == null) {
      throw new IllegalArgumentException(this + " has no quantised form");
    }
    return blocks;
  }

  private static String writable() {
    return Stream.of(values()).filter(GgufType::isWritable).map(Enum::name).collect(joining(", "));
  }
}
