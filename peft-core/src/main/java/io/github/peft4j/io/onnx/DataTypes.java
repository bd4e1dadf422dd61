package io.github.peft4j.io.onnx;

import io.github.peft4j.io.DType;
import java.util.Map;
import java.util.Optional;

/** The numbers of {@code TensorProto.DataType}. */
final class DataTypes {

  private static final Map<DType, Integer> NUMBERS =
      Map.of(
          DType.F32, 1,
          DType.U8, 2,
          DType.I8, 3,
          DType.I16, 5,
          DType.I32, 6,
          DType.I64, 7,
          DType.BOOL, 9,
          DType.F16, 10,
          DType.F64, 11,
          DType.BF16, 16);

  private DataTypes() {}

  /** The type with a number, if it is one that is read and written here. */
  static Optional<DType> of(int number) {
    return NUMBERS.entrySet().stream()
        .filter(type -> type.getValue() == number)
        .map(Map.Entry::getKey)
        .findFirst();
  }

  /**
   * The number of a type.
   *
   * @throws IllegalArgumentException if it is not written here
   */
  static int number(DType type) {
    Integer number = NUMBERS.get(type);
    if (number == null) {
      throw new IllegalArgumentException(
          "tensors of type " + type + " are not written to ONNX files");
    }
    return number;
  }
}
