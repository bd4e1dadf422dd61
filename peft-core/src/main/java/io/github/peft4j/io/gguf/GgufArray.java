package io.github.peft4j.io.gguf;

import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.charset.CharacterCodingException;
import java.nio.charset.CodingErrorAction;
import java.nio.charset.StandardCharsets;

/**
 * An array in a GGUF file's metadata, kept as the bytes that it has in the file: those of a
 * vocabulary of 250,000 tokens take a few megabytes, and a token becomes a string when it is asked
 * for.
 */
final class GgufArray {
  private final GgufValueType elements;
  private final int count;
  private final byte[] stored;
  private final ByteBuffer bytes;

  /** Where each string starts, behind its length; empty for arrays of numbers. */
  private final int[] starts;

  /**
   * @param bytes the values, one after the other, little-endian
   * @param starts where each string starts; empty for numbers
   */
  GgufArray(GgufValueType elements, int count, byte[] bytes, int[] starts) {
    this.elements = elements;
    this.count = count;
    this.stored = bytes;
    this.bytes = ByteBuffer.wrap(bytes).order(ByteOrder.LITTLE_ENDIAN);
    this.starts = starts;
  }

  GgufValueType elements() {
    return elements;
  }

  int count() {
    return count;
  }

  /** The values as a file has them. Nobody may change them. */
  byte[] bytes() {
    return stored;
  }

  /**
   * Decodes a string.
   *
   * @throws CharacterCodingException if its bytes are not UTF-8
   */
  String string(int index) throws CharacterCodingException {
    int start = starts[index];
    return utf8(bytes.slice(start, (int) bytes.getLong(start - Long.BYTES)));
  }

  /** A whole number; a UINT64 from 2⁶³ on is negative. */
  long integer(int index) {
    return integer(elements, bytes, index * elements.bytes());
  }

  double floating(int index) {
    return floating(elements, bytes, index * elements.bytes());
  }

  boolean flag(int index) {
    return bytes.get(index) != 0;
  }

  static long integer(GgufValueType type, ByteBuffer bytes, int at) {
    return switch (type) {
      case UINT8 -> Byte.toUnsignedLong(bytes.get(at));
      case INT8 -> bytes.get(at);
      case UINT16 -> Short.toUnsignedLong(bytes.getShort(at));
      case INT16 -> bytes.getShort(at);
      case UINT32 -> Integer.toUnsignedLong(bytes.getInt(at));
      case INT32 -> bytes.getInt(at);
      case UINT64, INT64 -> bytes.getLong(at);
      case FLOAT32, FLOAT64, BOOL, STRING, ARRAY -> throw new AssertionError(type);
    };
  }

  static double floating(GgufValueType type, ByteBuffer bytes, int at) {
    return type == GgufValueType.FLOAT32 ? bytes.getFloat(at) : bytes.getDouble(at);
  }

  static String utf8(ByteBuffer bytes) throws CharacterCodingException {
    return StandardCharsets.UTF_8
        .newDecoder()
        .onMalformedInput(CodingErrorAction.REPORT)
        .onUnmappableCharacter(CodingErrorAction.REPORT)
        .decode(bytes)
        .toString();
  }

  /** Returns, for example, {@code 49152 × STRING}. */
  @Override
  public String toString() {
    return count + " × " + elements;
  }
}
