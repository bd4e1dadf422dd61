package io.github.peft4j.io.onnx;

import com.google.protobuf.CodedOutputStream;
import io.github.peft4j.io.DType;
import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;

/** Writes small ONNX models. */
final class OnnxBytes {
  private final ByteArrayOutputStream graph = new ByteArrayOutputStream();

  private interface Fields {
    void writeTo(CodedOutputStream out) throws IOException;
  }

  /** A BERT of one layer without biases: hidden size 4, two heads. */
  static OnnxBytes smallBert() {
    OnnxBytes model =
        new OnnxBytes()
            .initializer("embeddings.word_embeddings.weight", DType.F32, 5, 4)
            .initializer("embeddings.position_embeddings.weight", DType.F16, 3, 4)
            .initializer("embeddings.token_type_embeddings.weight", DType.F32, 2, 4);
    String[] modules = {"attention/self/query", "attention/self/key", "intermediate/dense"};
    for (int i = 0; i < modules.length; i++) {
      model
          .initializer("onnx::MatMul_" + i, DType.F32, 4, i < 2 ? 4 : 6)
          .node("/encoder/layer.0/" + modules[i] + "/MatMul", "MatMul", "x", "onnx::MatMul_" + i);
    }
    return model
        .constant("two", 2)
        .constant("size", 2)
        .node("/encoder/layer.0/attention/self/Concat", "Concat", "b", "t", "two", "size");
  }

  OnnxBytes initializer(String name, DType dtype, long... shape) {
    int count = dtype.bytes();
    for (long length : shape) {
      count *= (int) length;
    }
    byte[] raw = new byte[count];
    for (int i = 0; i < count; i++) {
      raw[i] = (byte) i;
    }
    return add(
        5,
        t ->
            tensor(t, name, dtype == DType.F16 ? 10 : 1, out -> out.writeByteArray(9, raw), shape));
  }

  OnnxBytes external(String name) {
    return add(5, t -> tensor(t, name, 1, out -> out.writeEnum(14, 1), 2, 2));
  }

  OnnxBytes floatData(String name, boolean packed, float... values) {
    ByteBuffer run = ByteBuffer.allocate(4 * values.length).order(ByteOrder.LITTLE_ENDIAN);
    run.asFloatBuffer().put(values);
    Fields data =
        out -> {
          if (packed) {
            out.writeByteArray(4, run.array());
          } else {
            for (float value : values) {
              out.writeFloat(4, value);
            }
          }
        };
    return add(5, t -> tensor(t, name, 1, data, values.length));
  }

  OnnxBytes longData(String name, boolean packed, long... values) {
    Fields data =
        out -> {
          if (packed) {
            out.writeByteArray(
                7,
                bytes(
                    run -> {
                      for (long value : values) {
                        run.writeInt64NoTag(value);
                      }
                    }));
          } else {
            for (long value : values) {
              out.writeInt64(7, value);
            }
          }
        };
    return add(5, t -> tensor(t, name, 7, data, values.length));
  }

  OnnxBytes node(String name, String opType, String... inputs) {
    return add(
        1,
        out -> {
          for (String input : inputs) {
            out.writeString(1, input);
          }
          out.writeString(2, name + "_output_0");
          out.writeString(3, name);
          out.writeString(4, opType);
        });
  }

  OnnxBytes constant(String output, long value) {
    byte[] raw = ByteBuffer.allocate(8).order(ByteOrder.LITTLE_ENDIAN).putLong(value).array();
    byte[] tensor = bytes(t -> tensor(t, "", 7, out -> out.writeByteArray(9, raw), 1));
    byte[] attribute =
        bytes(
            out -> {
              out.writeString(1, "value");
              out.writeByteArray(5, tensor);
            });
    return add(
        1,
        out -> {
          out.writeString(2, output);
          out.writeString(4, "Constant");
          out.writeByteArray(5, attribute);
        });
  }

  byte[] model() {
    return bytes(
        out -> {
          out.writeInt64(1, 7);
          out.writeString(2, "pytorch");
          out.writeByteArray(7, graph.toByteArray());
        });
  }

  private OnnxBytes add(int field, Fields message) {
    graph.writeBytes(bytes(out -> out.writeByteArray(field, bytes(message))));
    return this;
  }

  private static void tensor(
      CodedOutputStream out, String name, int dataType, Fields data, long... shape)
      throws IOException {
    for (long length : shape) {
      out.writeInt64(1, length);
    }
    out.writeEnum(2, dataType);
    out.writeString(8, name);
    data.writeTo(out);
  }

  private static byte[] bytes(Fields fields) {
    ByteArrayOutputStream bytes = new ByteArrayOutputStream();
    CodedOutputStream out = CodedOutputStream.newInstance(bytes);
    try {
      fields.writeTo(out);
      out.flush();
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    }
    return bytes.toByteArray();
  }
}
