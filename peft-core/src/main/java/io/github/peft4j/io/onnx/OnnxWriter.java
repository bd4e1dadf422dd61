package io.github.peft4j.io.onnx;

import io.github.peft4j.io.DType;
import io.github.peft4j.io.FileGroup;
import io.github.peft4j.io.TensorData;
import io.github.peft4j.io.TensorInfo;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.channels.WritableByteChannel;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.Map;
import java.util.Set;

/**
 * Writes an ONNX model: nodes in the order in which they compute, and constants whose bytes are
 * read when the file is written. Field numbers are those of <a
 * href="https://github.com/onnx/onnx/blob/main/onnx/onnx.proto">onnx.proto</a>:
 *
 * <pre>
 * ModelProto          ir_version 1, producer_name 2, graph 7, opset_import 8
 * OperatorSetIdProto  version 2
 * GraphProto          node 1, name 2, initializer 5, input 11, output 12
 * NodeProto           input 1, output 2, name 3, op_type 4, attribute 5
 * AttributeProto      name 1, f 2, i 3, ints 8, type 20
 * TensorProto         dims 1, data_type 2, name 8, raw_data 9, external_data 13, data_location 14
 * ValueInfoProto      name 1, type 2
 * TypeProto           tensor_type 1: elem_type 1, shape 2: dim 1: dim_value 1, dim_param 2
 * </pre>
 */
public final class OnnxWriter {

  /** The largest message of protobuf in bytes. */
  public static final long LARGEST_FILE = Integer.MAX_VALUE;

  /** The set of operators that nodes are of. */
  public static final int OPERATORS = 17;

  /** The version of the format that came with these operators. */
  private static final int FORMAT = 8;

  /** Smaller constants stay in the model: readers look at them before they open other files. */
  private static final int LARGE = 1024;

  /** The most bytes before the graph. */
  private static final int LARGEST_BEGINNING = 64;

  /** In a second file, constants begin at multiples of so many bytes. */
  private static final int ALIGNMENT = 64;

  private final List<Proto> nodes = new ArrayList<>();
  private final List<Proto> inputs = new ArrayList<>();
  private final List<Proto> outputs = new ArrayList<>();
  private final Map<String, Constant> constants = new LinkedHashMap<>();

  private record Constant(TensorInfo info, TensorData data) {}

  /**
   * Adds an input of the model.
   *
   * @param dimensions each a number, or the name of a size that callers choose
   */
  public void input(String name, DType type, String... dimensions) {
    inputs.add(value(name, type, dimensions));
  }

  /** Adds an output of the model, which a node has. */
  public void output(String name, DType type, String... dimensions) {
    outputs.add(value(name, type, dimensions));
  }

  private static Proto value(String name, DType type, String... dimensions) {
    Proto shape = new Proto();
    for (String dimension : dimensions) {
      boolean fixed = dimension.chars().allMatch(Character::isDigit);
      shape.message(
          1,
          fixed
              ? new Proto().number(1, Long.parseLong(dimension))
              : new Proto().text(2, dimension));
    }
    Proto tensor = new Proto().number(1, DataTypes.number(type)).message(2, shape);
    return new Proto().text(1, name).message(2, new Proto().message(1, tensor));
  }

  /**
   * Adds a node.
   *
   * @param operator such as {@code "MatMul"}
   * @param inputs names of inputs of the model, constants, and outputs of earlier nodes; an empty
   *     name for an optional input that is left out
   * @param attributes whole numbers, fractions and lists of whole numbers, by name
   */
  public void node(
      String operator,
      String name,
      List<String> inputs,
      List<String> outputs,
      Map<String, ?> attributes) {
    Proto node = new Proto();
    inputs.forEach(input -> node.text(1, input));
    outputs.forEach(output -> node.text(2, output));
    node.text(3, name).text(4, operator);
    attributes.forEach((key, value) -> node.message(5, attribute(key, value)));
    nodes.add(node);
  }

  private static Proto attribute(String name, Object value) {
    Proto attribute = new Proto().text(1, name);
    if (value instanceof Float number) {
      return attribute.number(2, number).number(20, 1);
    }
    if (value instanceof Long number) {
      return attribute.number(3, number).number(20, 2);
    }
    if (value instanceof long[] numbers) {
      for (long number : numbers) {
        attribute.number(8, number);
      }
      return attribute.number(20, 7);
    }
    throw new IllegalArgumentException(
        "attribute %s is a %s; expected a long, a float or longs"
            .formatted(name, value.getClass().getSimpleName()));
  }

  /**
   * Adds a constant.
   *
   * @throws IllegalArgumentException if there already is one of that name
   */
  public void constant(TensorInfo info, TensorData data) {
    if (constants.putIfAbsent(info.name(), new Constant(info, data)) != null) {
      throw new IllegalArgumentException("two constants are called " + info.name());
    }
  }

  /**
   * Writes the model. If it would be larger than the limit, the large constants are in a second
   * file beside it, whose name has {@code .data} at its end.
   *
   * @param name of the file
   * @param largest the limit of the file in bytes, at most {@link #LARGEST_FILE}
   * @return the names of the files
   */
  public Set<String> writeTo(FileGroup files, String name, long largest) {
    byte[] end = end(name);
    List<Part> within = parts(name, Long.MAX_VALUE);
    if (end.length + total(within) + LARGEST_BEGINNING <= largest) {
      files.write(name, out -> write(within, end, out));
      return Set.of(name);
    }
    List<Part> parts = parts(name, LARGE);
    files.write(second(name), out -> writeSecond(parts, out));
    files.write(name, out -> write(parts, end, out));
    return new LinkedHashSet<>(List.of(second(name), name));
  }

  private static String second(String name) {
    return name + ".data";
  }

  /**
   * A constant of the graph.
   *
   * @param fields its fields, without the bytes
   * @param offset where the bytes are in the second file; -1 if they follow the fields
   */
  private record Part(Constant constant, byte[] fields, long offset) {
    boolean isWithin() {
      return offset < 0;
    }

    byte[] header() {
      return new Proto().header(5, size()).bytes();
    }

    private long size() {
      return fields.length + (isWithin() ? constant.info().byteCount() : 0);
    }

    long length() {
      return header().length + size();
    }
  }

  private static long total(List<Part> parts) {
    return parts.stream().mapToLong(Part::length).sum();
  }

  /**
   * The graph's constants.
   *
   * @param large from how many bytes on a constant is in the second file
   */
  private List<Part> parts(String name, long large) {
    List<Part> parts = new ArrayList<>();
    long end = 0;
    for (Constant constant : constants.values()) {
      TensorInfo info = constant.info();
      Proto fields = new Proto();
      for (long length : info.shape()) {
        fields.number(1, length);
      }
      fields.number(2, DataTypes.number(info.dtype())).text(8, info.name());
      if (info.byteCount() < large) {
        parts.add(new Part(constant, fields.header(9, info.byteCount()).bytes(), -1));
      } else {
        fields
            .message(13, entry("location", second(name)))
            .message(13, entry("offset", String.valueOf(end)))
            .message(13, entry("length", String.valueOf(info.byteCount())))
            .number(14, 1);
        parts.add(new Part(constant, fields.bytes(), end));
        end = aligned(end + info.byteCount());
      }
    }
    return parts;
  }

  private static Proto entry(String key, String value) {
    return new Proto().text(1, key).text(2, value);
  }

  private static long aligned(long offset) {
    return (offset + ALIGNMENT - 1) / ALIGNMENT * ALIGNMENT;
  }

  /** The graph's fields after the constants. */
  private byte[] end(String name) {
    Proto graph = new Proto();
    nodes.forEach(node -> graph.message(1, node));
    graph.text(2, name);
    inputs.forEach(input -> graph.message(11, input));
    outputs.forEach(output -> graph.message(12, output));
    return graph.bytes();
  }

  private static void write(List<Part> parts, byte[] end, WritableByteChannel out)
      throws IOException {
    Proto model =
        new Proto()
            .number(1, FORMAT)
            .text(2, "peft4j")
            .message(8, new Proto().number(2, OPERATORS))
            .header(7, end.length + total(parts));
    out.write(ByteBuffer.wrap(model.bytes()));
    for (Part part : parts) {
      out.write(ByteBuffer.wrap(part.header()));
      out.write(ByteBuffer.wrap(part.fields()));
      if (part.isWithin()) {
        write(part.constant(), out);
      }
    }
    out.write(ByteBuffer.wrap(end));
  }

  private static void writeSecond(List<Part> parts, WritableByteChannel out) throws IOException {
    for (Part part : parts) {
      if (!part.isWithin()) {
        write(part.constant(), out);
        long end = part.offset() + part.constant().info().byteCount();
        out.write(ByteBuffer.allocate((int) (aligned(end) - end)));
      }
    }
  }

  private static void write(Constant constant, WritableByteChannel out) throws IOException {
    constant.data().write(constant.info(), constant.info().byteCount(), out);
  }
}
