package io.github.peft4j.io.gguf;

import java.io.ByteArrayOutputStream;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.charset.StandardCharsets;
import java.util.List;

/** Writes what {@link HeaderReader} reads, up to the padding. */
final class HeaderWriter {
  private static final int VERSION = 3;

  private final ByteArrayOutputStream out = new ByteArrayOutputStream();

  private HeaderWriter() {}

  /**
   * The bytes of a header.
   *
   * @param tensors with offsets in the data
   */
  static byte[] bytes(GgufMetadata metadata, List<GgufTensor> tensors) {
    HeaderWriter header = new HeaderWriter();
    header.header(metadata, tensors);
    return header.out.toByteArray();
  }

  private void header(GgufMetadata metadata, List<GgufTensor> tensors) {
    out.writeBytes("GGUF".getBytes(StandardCharsets.US_ASCII));
    number(VERSION, Integer.BYTES);
    number(tensors.size(), Long.BYTES);
    number(metadata.keys().size(), Long.BYTES);
    metadata
        .values()
        .forEach(
            (key, value) -> {
              string(key);
              number(value.type().id(), Integer.BYTES);
              value(value);
            });
    tensors.forEach(this::tensor);
  }

  private void value(GgufMetadata.Value value) {
    Object content = value.content();
    int bytes = value.type().bytes();
    if (content instanceof String text) {
      string(text);
    } else if (content instanceof GgufArray array) {
      number(array.elements().id(), Integer.BYTES);
      number(array.count(), Long.BYTES);
      out.writeBytes(array.bytes());
    } else if (content instanceof Boolean flag) {
      number(flag ? 1 : 0, bytes);
    } else if (content instanceof Double number) {
      number(
          value.type() == GgufValueType.FLOAT32
              ? Float.floatToRawIntBits(number.floatValue())
              : Double.doubleToRawLongBits(number),
          bytes);
    } else {
      number((Long) content, bytes);
    }
  }

  private void tensor(GgufTensor tensor) {
    string(tensor.name());
    long[] shape = tensor.shape();
    number(shape.length, Integer.BYTES);
    for (int i = shape.length - 1; i >= 0; i--) {
      number(shape[i], Long.BYTES);
    }
    number(tensor.type().id(), Integer.BYTES);
    number(tensor.offset(), Long.BYTES);
  }

  private void string(String text) {
    byte[] bytes = text.getBytes(StandardCharsets.UTF_8);
    number(bytes.length, Long.BYTES);
    out.writeBytes(bytes);
  }

  /** The lower bytes of a number. */
  private void number(long number, int bytes) {
    byte[] all =
        ByteBuffer.allocate(Long.BYTES).order(ByteOrder.LITTLE_ENDIAN).putLong(number).array();
    out.write(all, 0, bytes);
  }
}
