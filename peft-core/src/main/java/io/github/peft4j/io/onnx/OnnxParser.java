package io.github.peft4j.io.onnx;

import com.google.protobuf.CodedInputStream;
import com.google.protobuf.WireFormat;
import io.github.peft4j.io.TensorInfo;
import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import org.jspecify.annotations.Nullable;

/**
 * Reads the few fields of an ONNX file that lead to its weights, without generated code. Weights
 * stay where they are in the buffer. Field numbers are those of <a
 * href="https://github.com/onnx/onnx/blob/main/onnx/onnx.proto">onnx.proto</a>:
 *
 * <pre>
 * ModelProto      graph 7
 * GraphProto      node 1, initializer 5
 * NodeProto       input 1, output 2, name 3, op_type 4, attribute 5
 * AttributeProto  t 5
 * TensorProto     dims 1, data_type 2, float_data 4, int64_data 7, name 8, raw_data 9,
 *                 double_data 10, data_location 14
 * </pre>
 */
final class OnnxParser {
  private static final int MAX_RANK = 64;

  private final String file;
  private final ByteBuffer bytes;
  private final CodedInputStream in;
  private final Map<String, OnnxTensor> initializers = new LinkedHashMap<>();
  private final Map<String, String> unreadable = new LinkedHashMap<>();
  private final List<OnnxGraph.Node> nodes = new ArrayList<>();

  private OnnxParser(String file, ByteBuffer bytes) {
    this.file = file;
    this.bytes = bytes.slice().asReadOnlyBuffer();
    this.in = CodedInputStream.newInstance(bytes.slice());
  }

  /**
   * Reads a graph.
   *
   * @param file name of the file in error messages
   * @throws OnnxException if it is malformed
   */
  static OnnxGraph parse(String file, ByteBuffer bytes) {
    return new OnnxParser(file, bytes).model();
  }

  private OnnxGraph model() {
    boolean[] found = {false};
    try {
      // Without a limit, protobuf treats a message that is cut off at the end of a map as complete.
      in.pushLimit(bytes.limit());
      fields(
          tag -> {
            if (field(tag) != 7) {
              return false;
            }
            found[0] = true;
            message(tag, this::graph);
            return true;
          });
    } catch (IOException e) {
      throw new OnnxException(
          "%s: at byte %d of %d: %s; it is damaged, or no ONNX model"
              .formatted(file, in.getTotalBytesRead(), bytes.limit(), e.getMessage()),
          e);
    }
    if (!found[0]) {
      throw new OnnxException(file + ": has no graph; it is no ONNX model");
    }
    return new OnnxGraph(initializers, unreadable, nodes);
  }

  private boolean graph(int tag) throws IOException {
    switch (field(tag)) {
      case 1 -> {
        NodeReader node = new NodeReader();
        message(tag, node);
        nodes.add(node.build());
      }
      case 5 -> {
        TensorReader tensor = new TensorReader();
        message(tag, tensor);
        if (initializers.containsKey(tensor.name) || unreadable.containsKey(tensor.name)) {
          throw malformed(tensor.name, "appears twice");
        }
        if (tensor.problem() != null) {
          unreadable.put(tensor.name, tensor.problem());
        } else {
          initializers.put(tensor.name, tensor.build());
        }
      }
      default -> {
        return false;
      }
    }
    return true;
  }

  /** Collects the fields of a NodeProto. */
  private final class NodeReader implements FieldReader {
    private final List<String> inputs = new ArrayList<>();
    private final List<TensorReader> values = new ArrayList<>();
    private String output = "";
    private String name = "";
    private String opType = "";

    @Override
    public boolean read(int tag) throws IOException {
      switch (field(tag)) {
        case 1 -> inputs.add(string(tag));
        case 2 -> output = string(tag);
        case 3 -> name = string(tag);
        case 4 -> opType = string(tag);
        case 5 -> message(tag, this::attribute);
        default -> {
          return false;
        }
      }
      return true;
    }

    private boolean attribute(int tag) throws IOException {
      if (field(tag) != 5) {
        return false;
      }
      TensorReader value = new TensorReader();
      message(tag, value);
      values.add(value);
      return true;
    }

    OnnxGraph.Node build() {
      boolean constant =
          opType.equals("Constant") && values.size() == 1 && values.get(0).problem() == null;
      return new OnnxGraph.Node(
          name, opType, inputs, constant ? Map.of(output, values.get(0).build()) : Map.of());
    }
  }

  /** Collects the fields of a TensorProto. */
  private final class TensorReader implements FieldReader {
    String name = "";
    private final List<Long> dims = new ArrayList<>();
    private int dataType;
    private int offset = -1;
    private int length;
    private @Nullable ByteArrayOutputStream gathered;
    private @Nullable String elsewhere;

    @Override
    public boolean read(int tag) throws IOException {
      switch (field(tag)) {
        case 1 -> varints(tag, this::dim);
        case 2 -> dataType = (int) varint(tag);
        case 4 -> data(tag, WireFormat.WIRETYPE_FIXED32);
        case 5, 6, 11 -> {
          elsewhere = "in a field that is not read here, number " + field(tag);
          return false;
        }
        case 7 -> varints(tag, value -> gather(littleEndian(value)));
        case 8 -> name = string(tag);
        case 9 -> data(tag, WireFormat.WIRETYPE_LENGTH_DELIMITED);
        case 10 -> data(tag, WireFormat.WIRETYPE_FIXED64);
        case 14 -> elsewhere = varint(tag) == 1 ? "in another file" : elsewhere;
        default -> {
          return false;
        }
      }
      return true;
    }

    private void dim(long value) {
      if (dims.size() == MAX_RANK) {
        throw malformed(name, "has more than " + MAX_RANK + " dimensions");
      }
      dims.add(value);
    }

    /** Reads a run of bytes, or a single number, which writers may use instead. */
    private void data(int tag, int aloneType) throws IOException {
      if (WireFormat.getTagWireType(tag) != WireFormat.WIRETYPE_LENGTH_DELIMITED) {
        expect(tag, aloneType);
        gather(
            aloneType == WireFormat.WIRETYPE_FIXED32
                ? Arrays.copyOf(littleEndian(in.readRawLittleEndian32()), 4)
                : littleEndian(in.readRawLittleEndian64()));
        return;
      }
      int count = in.readRawVarint32();
      int at = in.getTotalBytesRead();
      in.skipRawBytes(count);
      if (offset < 0 && gathered == null) {
        offset = at;
        length = count;
      } else {
        gather(copy(at, count));
      }
    }

    private void gather(byte[] more) {
      if (gathered == null) {
        gathered = new ByteArrayOutputStream();
        if (offset >= 0) {
          gathered.writeBytes(copy(offset, length));
          offset = -1;
        }
      }
      gathered.writeBytes(more);
    }

    private byte[] copy(int at, int count) {
      byte[] copy = new byte[count];
      bytes.get(at, copy);
      return copy;
    }

    /**
     * Why the values cannot be read, or null. This is only an error when the values are requested.
     */
    @Nullable String problem() {
      if (elsewhere != null) {
        return "its values lie " + elsewhere;
      }
      return DataTypes.of(dataType).isPresent()
          ? null
          : "its data_type is number %d, which is not read here".formatted(dataType);
    }

    OnnxTensor build() {
      long[] shape = dims.stream().mapToLong(Long::longValue).toArray();
      TensorInfo info;
      try {
        info = new TensorInfo(name, DataTypes.of(dataType).orElseThrow(), shape);
      } catch (IllegalArgumentException e) {
        throw new OnnxException("%s: %s".formatted(file, e.getMessage()), e);
      }
      ByteBuffer data =
          gathered != null
              ? ByteBuffer.wrap(gathered.toByteArray())
              : bytes.slice(Math.max(offset, 0), length);
      if (data.remaining() != info.byteCount()) {
        throw malformed(
            name,
            "is %s of %d bytes, but has %d".formatted(info, info.byteCount(), data.remaining()));
      }
      return new OnnxTensor(info, data.asReadOnlyBuffer(), offset);
    }
  }

  /** Reads the field of a tag, or returns false to skip it. */
  private interface FieldReader {
    boolean read(int tag) throws IOException;
  }

  private interface LongSink {
    void accept(long value) throws IOException;
  }

  private void fields(FieldReader reader) throws IOException {
    for (int tag = in.readTag(); tag != 0; tag = in.readTag()) {
      if (!reader.read(tag)) {
        int type = WireFormat.getTagWireType(tag);
        if (type == WireFormat.WIRETYPE_START_GROUP || type == WireFormat.WIRETYPE_END_GROUP) {
          throw new IOException("field %d is a group, which ONNX has not".formatted(field(tag)));
        }
        in.skipField(tag);
      }
    }
  }

  private void message(int tag, FieldReader reader) throws IOException {
    expect(tag, WireFormat.WIRETYPE_LENGTH_DELIMITED);
    int outer = in.pushLimit(in.readRawVarint32());
    fields(reader);
    in.popLimit(outer);
  }

  private void varints(int tag, LongSink sink) throws IOException {
    if (WireFormat.getTagWireType(tag) != WireFormat.WIRETYPE_LENGTH_DELIMITED) {
      sink.accept(varint(tag));
      return;
    }
    int outer = in.pushLimit(in.readRawVarint32());
    while (in.getBytesUntilLimit() > 0) {
      sink.accept(in.readRawVarint64());
    }
    in.popLimit(outer);
  }

  private long varint(int tag) throws IOException {
    expect(tag, WireFormat.WIRETYPE_VARINT);
    return in.readRawVarint64();
  }

  private String string(int tag) throws IOException {
    expect(tag, WireFormat.WIRETYPE_LENGTH_DELIMITED);
    return in.readStringRequireUtf8();
  }

  private static void expect(int tag, int wireType) throws IOException {
    if (WireFormat.getTagWireType(tag) != wireType) {
      throw new IOException(
          "field %d has wire type %d, expected %d"
              .formatted(field(tag), WireFormat.getTagWireType(tag), wireType));
    }
  }

  private static int field(int tag) {
    return WireFormat.getTagFieldNumber(tag);
  }

  private static byte[] littleEndian(long value) {
    return ByteBuffer.allocate(8).order(ByteOrder.LITTLE_ENDIAN).putLong(value).array();
  }

  private OnnxException malformed(String tensor, String problem) {
    return new OnnxException(
        "%s: tensor %s %s; the file is damaged".formatted(file, tensor, problem));
  }
}
