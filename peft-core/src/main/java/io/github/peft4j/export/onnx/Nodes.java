package io.github.peft4j.export.onnx;

import io.github.peft4j.io.DType;
import io.github.peft4j.io.TensorInfo;
import io.github.peft4j.io.onnx.OnnxWriter;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.util.Arrays;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.stream.IntStream;

/**
 * The nodes of a graph, as expressions: each method adds a node and returns the name of its output.
 * Numbers are constants, each written once.
 */
final class Nodes {

  private final OnnxWriter writer;
  private final Map<String, String> numbers = new HashMap<>();
  private String module = "";
  private int count;

  Nodes(OnnxWriter writer) {
    this.writer = writer;
  }

  /** Names the module whose nodes follow, for readers of the graph. */
  void module(String name) {
    module = name + "/";
  }

  String op(String operator, String... inputs) {
    return op(operator, Map.of(), inputs);
  }

  String op(String operator, Map<String, ?> attributes, String... inputs) {
    return ops(1, operator, attributes, inputs).get(0);
  }

  /** A node with several outputs. */
  List<String> ops(int outputs, String operator, Map<String, ?> attributes, String... inputs) {
    String name = module + operator + "_" + count++;
    List<String> names =
        outputs == 1
            ? List.of(name + ":0")
            : IntStream.range(0, outputs).mapToObj(i -> name + ":" + i).toList();
    writer.node(operator, name, List.of(inputs), names, attributes);
    return names;
  }

  /** Gives a value the name of an output of the model. */
  void output(String value, String name, DType type, String... dimensions) {
    writer.node("Identity", name + "/Identity", List.of(value), List.of(name), Map.of());
    writer.output(name, type, dimensions);
  }

  String add(String a, String b) {
    return op("Add", a, b);
  }

  String mul(String a, String b) {
    return op("Mul", a, b);
  }

  /** A value times a number; the value itself for 1. */
  String scaled(String x, double factor) {
    return factor == 1 ? x : mul(x, number(factor));
  }

  /** c · tanh(x / c). */
  String capped(String x, double cap) {
    return scaled(op("Tanh", op("Div", x, number(cap))), cap);
  }

  String transpose(String x, long... order) {
    return op("Transpose", Map.of("perm", order), x);
  }

  /**
   * Another shape.
   *
   * @param shape 0 for the size that x has there, -1 for what is left
   */
  String reshape(String x, long... shape) {
    return op("Reshape", x, integers(shape));
  }

  String unsqueeze(String x, long... axes) {
    return op("Unsqueeze", x, integers(axes));
  }

  /** The parts of a value along its last dimension. */
  List<String> split(String x, long... sizes) {
    return ops(sizes.length, "Split", Map.of("axis", -1L), x, integers(sizes));
  }

  String joined(String a, String b) {
    return op("Concat", Map.of("axis", -1L), a, b);
  }

  /** A value as 32-bit floats. */
  String toFloat(String x) {
    return op("Cast", Map.of("to", 1L), x);
  }

  /** A value as bfloat16. */
  String toBfloat16(String x) {
    return op("Cast", Map.of("to", 16L), x);
  }

  /** A value as 64-bit integers. */
  String toInteger(String x) {
    return op("Cast", Map.of("to", 7L), x);
  }

  /** A number of 32 bits, as a scalar. */
  String number(double value) {
    return numbers(new float[] {(float) value});
  }

  /** Numbers of 32 bits. */
  String numbers(float[] values, long... shape) {
    ByteBuffer bytes =
        ByteBuffer.allocate(values.length * Float.BYTES).order(ByteOrder.LITTLE_ENDIAN);
    bytes.asFloatBuffer().put(values);
    return constant(DType.F32, bytes.array(), shape);
  }

  /** A whole number, as a scalar. */
  String integer(long value) {
    return integers(new long[] {value}, new long[0]);
  }

  /** Whole numbers in a row. */
  String integers(long... values) {
    return integers(values, new long[] {values.length});
  }

  private String integers(long[] values, long[] shape) {
    ByteBuffer bytes =
        ByteBuffer.allocate(values.length * Long.BYTES).order(ByteOrder.LITTLE_ENDIAN);
    bytes.asLongBuffer().put(values);
    return constant(DType.I64, bytes.array(), shape);
  }

  private String constant(DType type, byte[] bytes, long... shape) {
    String content = type + Arrays.toString(shape) + Arrays.toString(bytes);
    return numbers.computeIfAbsent(
        content,
        key -> {
          String name = "number_" + numbers.size();
          writer.constant(
              new TensorInfo(name, type, shape), sink -> sink.accept(ByteBuffer.wrap(bytes)));
          return name;
        });
  }
}
