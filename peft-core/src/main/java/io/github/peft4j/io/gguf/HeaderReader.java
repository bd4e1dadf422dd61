package io.github.peft4j.io.gguf;

import io.github.peft4j.io.Bytes;
import io.github.peft4j.io.ForeignFiles;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.charset.CharacterCodingException;
import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;

/**
 * Reads what is before the tensors' data.
 *
 * <pre>{@code
 * "GGUF" version (UINT32) number of tensors (UINT64) number of keys (UINT64)
 * for each key:    name (STRING) type (UINT32) value
 * for each tensor: name (STRING) number of dimensions (UINT32) dimensions (UINT64, innermost first)
 *                  type (UINT32) offset in the data (UINT64)
 * padding to general.alignment, the data
 * }</pre>
 *
 * <p>Every length and count is compared with the rest of the file before memory is taken for it.
 */
final class HeaderReader {
  private static final String BROKEN = "the file is damaged or incomplete: fetch it again";

  /** More than any vocabulary needs. */
  private static final int MOST = 1 << 30;

  /** Bytes of the least key, with a value of one byte, and of the least tensor. */
  private static final int LEAST_KEY = 8 + 4 + 1;

  private static final int LEAST_TENSOR = 8 + 4 + 4 + 8;

  /** llama.cpp's limit. */
  static final int MOST_DIMENSIONS = 4;

  private final String file;
  private final Bytes bytes;
  private final long size;
  private final ByteBuffer in;

  /** Where messages say that the damage is. */
  private String field = "header";

  private HeaderReader(String file, Bytes bytes) throws IOException {
    this.file = file;
    this.bytes = bytes;
    this.size = bytes.size();
    this.in = bytes.slice(0, (int) Math.min(size, MOST)).order(ByteOrder.LITTLE_ENDIAN);
  }

  /** What a header says. */
  record Header(int version, GgufMetadata metadata, Map<String, GgufTensor> tensors) {}

  static Header read(String file, Bytes bytes) throws IOException {
    return new HeaderReader(file, bytes).header();
  }

  private Header header() throws IOException {
    checkMagic();
    int version = in.getInt();
    if (version != 0 && (version & 0xffff) == 0) {
      throw new GgufException(
          "%s: version is %d with its bytes reversed, so that the file is big-endian; expected a"
                  .formatted(file, Integer.reverseBytes(version))
              + " little-endian file: convert it with gguf_convert_endian.py of llama.cpp");
    }
    if (version != 2 && version != 3) {
      throw new GgufException(
          "%s: version is %s, expected 2 or 3; convert the model again with a llama.cpp of today"
              .formatted(file, Integer.toUnsignedString(version)));
    }
    field = "number of tensors";
    int tensors = count(LEAST_TENSOR, 8);
    field = "number of keys";
    int keys = count(LEAST_KEY, 0);
    GgufMetadata metadata = metadata(keys);
    return new Header(version, metadata, tensors(tensors, metadata.alignment()));
  }

  private void checkMagic() {
    if (size < 24) {
      throw malformed("it has %d bytes, expected 24 or more", size);
    }
    byte[] magic = new byte[4];
    in.get(magic);
    String text = new String(magic, StandardCharsets.ISO_8859_1);
    if (text.equals("GGUF")) {
      return;
    }
    byte[] begin = new byte[24];
    in.get(0, begin);
    if (ForeignFiles.isLfsPointer(new String(begin, StandardCharsets.ISO_8859_1))) {
      throw new GgufException(ForeignFiles.lfsPointer(file));
    }
    throw new GgufException(
        "%s: the first four bytes are %02x %02x %02x %02x, expected \"GGUF\"; %s"
            .formatted(
                file,
                magic[0],
                magic[1],
                magic[2],
                magic[3],
                List.of("lmgg", "fmgg", "tjgg", "algg").contains(text)
                    ? "it is llama.cpp's format of before August 2023: convert the model again"
                    : "is this a GGUF file?"));
  }

  private GgufMetadata metadata(int count) {
    Map<String, GgufMetadata.Value> values = new LinkedHashMap<>();
    for (int i = 0; i < count; i++) {
      field = "key %d of %d".formatted(i + 1, count);
      String key = string();
      field = key;
      GgufValueType type = valueType("type of " + key);
      if (values.putIfAbsent(key, new GgufMetadata.Value(type, value(key, type))) != null) {
        throw malformed("%s is there twice, expected keys that differ", key);
      }
    }
    return new GgufMetadata(file, values);
  }

  private Object value(String key, GgufValueType type) {
    if (type == GgufValueType.STRING) {
      return string();
    }
    if (type == GgufValueType.ARRAY) {
      return array(key);
    }
    int at = take(type.bytes());
    if (type == GgufValueType.BOOL) {
      return flag(at);
    }
    return type.isFloating()
        ? (Object) GgufArray.floating(type, in, at)
        : (Object) GgufArray.integer(type, in, at);
  }

  private boolean flag(int at) {
    byte flag = in.get(at);
    if (flag != 0 && flag != 1) {
      throw malformed("%s is %d, expected 0 or 1 as a BOOL", field, flag);
    }
    return flag == 1;
  }

  private GgufArray array(String key) {
    GgufValueType elements = valueType("type of the elements of " + key);
    if (elements == GgufValueType.ARRAY) {
      throw new GgufException(
          "%s: %s is an array of arrays, expected one of numbers or texts, as llama.cpp does;"
                  .formatted(file, key)
              + " convert the model again");
    }
    field = "length of " + key;
    int count = count(elements.bytes(), 0);
    field = key;
    int start = in.position();
    int[] starts = new int[elements == GgufValueType.STRING ? count : 0];
    for (int i = 0; i < starts.length; i++) {
      int length = length();
      starts[i] = in.position() - start;
      in.position(in.position() + length);
    }
    if (elements != GgufValueType.STRING) {
      take(count * elements.bytes());
    }
    if (elements == GgufValueType.BOOL) {
      for (int i = 0; i < count; i++) {
        flag(start + i);
      }
    }
    byte[] bytes = new byte[in.position() - start];
    in.get(start, bytes);
    return new GgufArray(elements, count, bytes, starts);
  }

  private GgufValueType valueType(String what) {
    int id = in.getInt(take(Integer.BYTES));
    if (id < 0 || id >= GgufValueType.ALL.size()) {
      throw malformed(
          "%s is %s, expected 0 to %d",
          what, Integer.toUnsignedString(id), GgufValueType.ALL.size() - 1);
    }
    return GgufValueType.ALL.get(id);
  }

  private Map<String, GgufTensor> tensors(int count, int alignment) throws IOException {
    List<GgufTensor> all = new ArrayList<>(); // with offsets in the data
    for (int i = 0; i < count; i++) {
      field = "tensor %d of %d".formatted(i + 1, count);
      all.add(tensor());
    }
    return placed(all, in.position(), alignment);
  }

  private GgufTensor tensor() {
    String name = string();
    field = "tensor " + name;
    int dimensions = in.getInt(take(Integer.BYTES));
    if (dimensions < 0 || dimensions > MOST_DIMENSIONS) {
      throw malformed(
          "%s: the number of dimensions is %s, expected 0 to %d",
          field, Integer.toUnsignedString(dimensions), MOST_DIMENSIONS);
    }
    long[] shape = new long[dimensions];
    for (int i = dimensions - 1; i >= 0; i--) {
      shape[i] = in.getLong(take(Long.BYTES));
    }
    int id = in.getInt(take(Integer.BYTES));
    GgufType type = GgufType.of(id).orElseThrow(() -> unknown(id));
    long offset = in.getLong(take(Long.BYTES));
    try {
      return new GgufTensor(name, type, shape, offset);
    } catch (IllegalArgumentException e) {
      throw new GgufException("%s: %s; %s".formatted(file, e.getMessage(), BROKEN), e);
    }
  }

  private GgufException unknown(int id) {
    return new GgufException(
        "%s: %s: the type is %s, expected one of %s; take a file with such types, for example one"
                .formatted(file, field, GgufType.nameOf(id), List.of(GgufType.values()))
            + " called Q4_K_M or Q8_0");
  }

  /**
   * Checks that each tensor follows the one before it, as llama.cpp does, and that the file ends
   * with the last one.
   */
  private Map<String, GgufTensor> placed(List<GgufTensor> all, long headerEnd, int alignment)
      throws IOException {
    long start = padded(headerEnd, alignment);
    checkPadding("the header", headerEnd, start);
    long end = headerEnd;
    long next = 0;
    Map<String, GgufTensor> placed = new LinkedHashMap<>();
    for (GgufTensor tensor : all) {
      if (tensor.offset() != next) {
        throw malformed(
            "tensor %s: the offset is %s, expected %d, where the tensor before it ends",
            tensor, Long.toUnsignedString(tensor.offset()), next);
      }
      if (tensor.byteCount() > size - start - next) {
        throw malformed(
            "tensor %s has %d bytes, but %d follow its offset",
            tensor, tensor.byteCount(), Math.max(0, size - start - next));
      }
      GgufTensor there = new GgufTensor(tensor.name(), tensor.type(), tensor.shape(), start + next);
      if (placed.putIfAbsent(tensor.name(), there) != null) {
        throw malformed("tensor %s is there twice, expected names that differ", tensor.name());
      }
      end = start + next + tensor.byteCount();
      next = padded(next + tensor.byteCount(), alignment);
      checkPadding("tensor " + tensor, end, start + next);
    }
    if (size > padded(end, alignment)) {
      throw malformed(
          "it has %d bytes, but its tensors end at %d: the rest is nobody's", size, end);
    }
    return placed;
  }

  /** What is not zero behind a tensor would be a part of one with a larger shape. */
  private void checkPadding(String what, long from, long to) throws IOException {
    int length = (int) (Math.min(to, size) - from);
    if (length <= 0) {
      return;
    }
    ByteBuffer padding = bytes.slice(from, length);
    for (int i = 0; i < length; i++) {
      if (padding.get(i) != 0) {
        throw malformed(
            "%s ends at byte %d, and the padding behind it has a byte of %d, expected 0",
            what, from, padding.get(i));
      }
    }
  }

  /** The next multiple of the alignment. */
  static long padded(long length, int alignment) {
    return (length + alignment - 1) & -alignment;
  }

  private String string() {
    int length = length();
    ByteBuffer text = in.slice(in.position(), length);
    in.position(in.position() + length);
    try {
      return GgufArray.utf8(text);
    } catch (CharacterCodingException e) {
      throw new GgufException(
          "%s: %s has bytes that are not UTF-8; %s".formatted(file, field, BROKEN), e);
    }
  }

  /** The length of a string, which lies in the file. */
  private int length() {
    long length = in.getLong(take(Long.BYTES));
    if (length < 0 || length > in.remaining()) {
      throw malformed(
          "%s: a text of %s bytes starts at byte %d, but %d follow",
          field, Long.toUnsignedString(length), in.position(), in.remaining());
    }
    return (int) length;
  }

  /**
   * A number of things to come.
   *
   * @param least bytes of one of them
   * @param before bytes of what comes before them
   */
  private int count(int least, int before) {
    long count = in.getLong(take(Long.BYTES));
    int room = Math.max(0, in.remaining() - before) / least;
    if (count < 0 || count > room) {
      throw malformed(
          "the %s is %s, but the rest of the file, %d bytes, has room for %d",
          field, Long.toUnsignedString(count), in.remaining(), room);
    }
    return (int) count;
  }

  /** Steps over bytes; returns where they are. */
  private int take(int bytes) {
    int at = in.position();
    if (bytes > in.remaining()) {
      throw malformed(
          "%s: %d bytes are expected at byte %d, but %d follow", field, bytes, at, in.remaining());
    }
    in.position(at + bytes);
    return at;
  }

  private GgufException malformed(String format, Object... args) {
    return new GgufException("%s: %s; %s".formatted(file, format.formatted(args), BROKEN));
  }
}
