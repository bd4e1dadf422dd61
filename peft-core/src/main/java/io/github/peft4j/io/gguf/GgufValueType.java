package io.github.peft4j.io.gguf;

import java.util.List;

/** The type of a value in a GGUF file's metadata, in the order of their numbers in the file. */
public enum GgufValueType {
  /** Unsigned 8-bit integer. */
  UINT8(0, 1),
  /** Signed 8-bit integer. */
  INT8(1, 1),
  /** Unsigned 16-bit integer. */
  UINT16(2, 2),
  /** Signed 16-bit integer. */
  INT16(3, 2),
  /** Unsigned 32-bit integer. */
  UINT32(4, 4),
  /** Signed 32-bit integer. */
  INT32(5, 4),
  /** IEEE 754 single precision. */
  FLOAT32(6, 4),
  /** One byte, 0 or 1. */
  BOOL(7, 1),
  /** A length and UTF-8. */
  STRING(8, 8),
  /** Values of one of the other types. */
  ARRAY(9, 12),
  /** Unsigned 64-bit integer. */
  UINT64(10, 8),
  /** Signed 64-bit integer. */
  INT64(11, 8),
  /** IEEE 754 double precision. */
  FLOAT64(12, 8);

  static final List<GgufValueType> ALL = List.of(values());

  private final int id;
  private final int bytes;

  GgufValueType(int id, int bytes) {
    this.id = id;
    this.bytes = bytes;
  }

  /** The number of this type in files. */
  int id() {
    return id;
  }

  /** The bytes of a value; of a string and an array, the least that one has. */
  int bytes() {
    return bytes;
  }

  /** Whether values are whole numbers. */
  boolean isInteger() {
    return switch (this) {
      case UINT8, INT8, UINT16, INT16, UINT32, INT32, UINT64, INT64 -> true;
      case FLOAT32, FLOAT64, BOOL, STRING, ARRAY -> false;
    };
  }

  /** Whether values are floating-point numbers. */
  boolean isFloating() {
    return this == FLOAT32 || this == FLOAT64;
  }
}
