package io.github.peft4j.io.safetensors;

import com.google.gson.stream.JsonWriter;
import io.github.peft4j.io.Bytes;
import io.github.peft4j.io.DType;
import io.github.peft4j.io.ForeignFiles;
import io.github.peft4j.io.TensorInfo;
import java.io.IOException;
import java.io.StringWriter;
import java.io.UncheckedIOException;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.Collections;
import java.util.Comparator;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import org.jspecify.annotations.Nullable;

/**
 * The header of a file: which tensor lies where.
 *
 * <pre>{@code
 * {"__metadata__": {"format": "pt"}, "name": {"dtype": "F32", "shape": [2, 3], "data_offsets": [0, 24]}}
 * }</pre>
 *
 * @param metadata the file's key-value pairs, in their order
 * @param entries the tensors by name, in the order of their data
 * @param dataStart where in the file offset 0 lies
 */
record Header(Map<String, String> metadata, Map<String, Entry> entries, long dataStart) {
  /** Hugging Face's limit. */
  static final int MAX_LENGTH = 100_000_000;

  private static final String METADATA = "__metadata__";
  private static final String BROKEN = "the file is damaged or incomplete: fetch it again";

  /** A tensor, and its bytes [begin, end) of the data. */
  record Entry(TensorInfo info, long begin, long end) {}

  Header {
    metadata = Collections.unmodifiableMap(metadata);
    entries = Collections.unmodifiableMap(entries);
  }

  /** Reads and checks the header of a file. */
  static Header read(String file, Bytes bytes) throws IOException {
    long size = bytes.size();
    if (size < 8) {
      throw malformed(file, "it has %d bytes, expected 8 or more", size);
    }
    if (ForeignFiles.isLfsPointer(
        StandardCharsets.US_ASCII.decode(bytes.slice(0, (int) Math.min(size, 24))).toString())) {
      throw new SafetensorsException(ForeignFiles.lfsPointer(file));
    }
    long length = bytes.slice(0, 8).order(ByteOrder.LITTLE_ENDIAN).getLong();
    if (length < 0 || length > MAX_LENGTH) {
      throw new SafetensorsException(
          "%s: header length is %s, expected at most %d; is this a safetensors file?"
              .formatted(file, Long.toUnsignedString(length), MAX_LENGTH));
    }
    if (length > size - 8) {
      throw malformed(file, "header length is %d, but only %d bytes follow", length, size - 8);
    }
    ByteBuffer json = bytes.slice(8, (int) length);
    try (StrictJson in = StrictJson.of(file, "header", json)) {
      return parse(file, in, 8 + length, size - 8 - length);
    }
  }

  private static Header parse(String file, StrictJson in, long dataStart, long dataLength) {
    Map<String, String> metadata = new LinkedHashMap<>();
    List<Entry> entries = new ArrayList<>();
    in.object(
        name -> {
          if (name.equals(METADATA)) {
            in.object(key -> metadata.put(key, in.string()));
          } else {
            entries.add(entry(file, in, name));
          }
        });
    in.end();
    return new Header(metadata, checkLayout(file, entries, dataLength), dataStart);
  }

  private static Entry entry(String file, StrictJson in, String name) {
    var fields =
        new Object() {
          @Nullable String dtype;
          long @Nullable [] shape;
          long @Nullable [] offsets;
        };
    in.object(
        field -> {
          switch (field) {
            case "dtype" -> fields.dtype = in.string();
            case "shape" -> fields.shape = in.counts();
            case "data_offsets" -> fields.offsets = in.counts();
            default -> in.skip();
          }
        });
    String dtype = require(file, name, "dtype", fields.dtype);
    long[] shape = require(file, name, "shape", fields.shape);
    long[] offsets = require(file, name, "data_offsets", fields.offsets);
    if (offsets.length != 2 || offsets[0] > offsets[1]) {
      throw malformed(
          file,
          "tensor %s: data_offsets is %s, expected [begin, end] with begin <= end",
          name,
          Arrays.toString(offsets));
    }
    try {
      return new Entry(
          new TensorInfo(name, dtype(file, name, dtype), shape), offsets[0], offsets[1]);
    } catch (IllegalArgumentException e) {
      throw new SafetensorsException("%s: %s; %s".formatted(file, e.getMessage(), BROKEN), e);
    }
  }

  /** Checks that the tensors cover the data without gaps or overlaps, as the format requires. */
  private static Map<String, Entry> checkLayout(String file, List<Entry> entries, long length) {
    entries.sort(Comparator.comparingLong(Entry::begin).thenComparingLong(Entry::end));
    Map<String, Entry> byName = new LinkedHashMap<>();
    long covered = 0;
    for (Entry entry : entries) {
      TensorInfo info = entry.info();
      String offsets = "data_offsets is [%d, %d]".formatted(entry.begin(), entry.end());
      if (entry.end() > length) {
        throw malformed(
            file, "tensor %s: %s, but there are %d bytes of data", info.name(), offsets, length);
      }
      if (entry.end() - entry.begin() != info.byteCount()) {
        throw malformed(file, "tensor %s: %s, expected %d bytes", info, offsets, info.byteCount());
      }
      if (entry.begin() != covered) {
        throw malformed(
            file,
            "tensor %s: %s, %s the data before it, which ends at %d",
            info.name(),
            offsets,
            entry.begin() < covered ? "overlapping" : "leaving a hole after",
            covered);
      }
      covered = entry.end();
      byName.put(info.name(), entry);
    }
    if (covered != length) {
      throw malformed(
          file, "%d bytes of data, but tensors end at %d: the rest is nobody's", length, covered);
    }
    return byName;
  }

  private static <T> T require(String file, String tensor, String field, @Nullable T value) {
    if (value == null) {
      throw malformed(file, "tensor %s: %s is missing", tensor, field);
    }
    return value;
  }

  private static DType dtype(String file, String tensor, String dtype) {
    for (DType known : DType.values()) {
      if (known.name().equals(dtype)) {
        return known;
      }
    }
    throw new SafetensorsException(
        "%s: tensor %s: dtype is %s, expected one of %s; %s"
            .formatted(
                file,
                tensor,
                dtype,
                Arrays.toString(DType.values()),
                dtype.startsWith("F8") || dtype.startsWith("F4")
                    ? "these are quantised weights, load the plain model that they were made of"
                    : "convert the checkpoint to one of these"));
  }

  private static SafetensorsException malformed(String file, String format, Object... args) {
    return new SafetensorsException("%s: %s; %s".formatted(file, format.formatted(args), BROKEN));
  }

  /** Places tensors one after the other, in the given order. */
  static Header of(Map<String, String> metadata, List<TensorInfo> tensors) {
    Map<String, Entry> entries = new LinkedHashMap<>();
    long at = 0;
    for (TensorInfo info : tensors) {
      long end = Math.addExact(at, info.byteCount());
      entries.put(info.name(), new Entry(info, at, end));
      at = end;
    }
    return new Header(metadata, entries, 0);
  }

  /**
   * Returns the length and the JSON as they are stored in a file, padded with spaces to 8 bytes.
   */
  ByteBuffer encode() {
    byte[] json = json().getBytes(StandardCharsets.UTF_8);
    int length = Math.addExact(json.length, 7) & ~7;
    if (length > MAX_LENGTH) {
      throw new IllegalArgumentException(
          "a safetensors header of %d bytes exceeds the limit of %d: write fewer tensors to a file"
              .formatted(length, MAX_LENGTH));
    }
    byte[] padded = Arrays.copyOf(json, length);
    Arrays.fill(padded, json.length, length, (byte) ' ');
    ByteBuffer out = ByteBuffer.allocate(8 + length).order(ByteOrder.LITTLE_ENDIAN);
    return out.putLong(length).put(padded).flip();
  }

  private String json() {
    StringWriter text = new StringWriter();
    try (JsonWriter out = new JsonWriter(text)) {
      out.beginObject();
      if (!metadata.isEmpty()) {
        out.name(METADATA).beginObject();
        for (Map.Entry<String, String> pair : metadata.entrySet()) {
          out.name(pair.getKey()).value(pair.getValue());
        }
        out.endObject();
      }
      for (Entry entry : entries.values()) {
        out.name(entry.info().name()).beginObject();
        out.name("dtype").value(entry.info().dtype().name());
        out.name("shape").beginArray();
        for (long length : entry.info().shape()) {
          out.value(length);
        }
        out.endArray();
        out.name("data_offsets").beginArray().value(entry.begin()).value(entry.end()).endArray();
        out.endObject();
      }
      out.endObject();
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    }
    return text.toString();
  }
}
