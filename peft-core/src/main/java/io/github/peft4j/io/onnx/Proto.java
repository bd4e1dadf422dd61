package io.github.peft4j.io.onnx;

import com.google.protobuf.CodedOutputStream;
import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.io.UncheckedIOException;

/** A message of protobuf in memory, field by field. */
final class Proto {

  private final ByteArrayOutputStream bytes = new ByteArrayOutputStream();
  private final CodedOutputStream out = CodedOutputStream.newInstance(bytes);

  private interface Field {
    void write() throws IOException;
  }

  private Proto add(Field field) {
    try {
      field.write();
    } catch (IOException e) {
      throw new UncheckedIOException("a message in memory cannot be written", e);
    }
    return this;
  }

  Proto number(int field, long value) {
    return add(() -> out.writeInt64(field, value));
  }

  Proto number(int field, float value) {
    return add(() -> out.writeFloat(field, value));
  }

  Proto text(int field, String value) {
    return add(() -> out.writeString(field, value));
  }

  Proto bytes(int field, byte[] value) {
    return add(() -> out.writeByteArray(field, value));
  }

  Proto message(int field, Proto value) {
    return bytes(field, value.bytes());
  }

  /** The beginning of a field of that many bytes, which follow. */
  Proto header(int field, long length) {
    return add(
        () -> {
          out.writeTag(field, 2);
          out.writeUInt64NoTag(length);
        });
  }

  byte[] bytes() {
    add(out::flush);
    return bytes.toByteArray();
  }
}
