package io.github.peft4j.io.safetensors;

import com.google.gson.stream.JsonReader;
import com.google.gson.stream.JsonToken;
import io.github.peft4j.io.StrictJsonReader;
import java.io.Closeable;
import java.io.IOException;
import java.io.StringReader;
import java.nio.ByteBuffer;
import java.nio.CharBuffer;
import java.nio.charset.CharacterCodingException;
import java.nio.charset.StandardCharsets;
import java.util.Arrays;
import java.util.HashSet;
import java.util.Set;
import java.util.function.Consumer;
import org.jspecify.annotations.Nullable;

/**
 * Reads untrusted JSON. Duplicate keys, unexpected types, broken UTF-8 and deep nesting are errors.
 * Gson's object model would accept some of them, and crash on others.
 */
final class StrictJson implements Closeable {
  private final String file;
  private final String part;
  private final JsonReader in;

  private StrictJson(String file, String part, String text) {
    this.file = file;
    this.part = part;
    this.in = new StrictJsonReader(new StringReader(text), 32);
  }

  /**
   * @param file what messages begin with
   * @param part which part of the file this is
   */
  static StrictJson of(String file, String part, ByteBuffer utf8) {
    try {
      CharBuffer text = StandardCharsets.UTF_8.newDecoder().decode(utf8);
      return new StrictJson(file, part, text.toString());
    } catch (CharacterCodingException e) {
      throw new SafetensorsException(
          "%s: the %s is not valid UTF-8; the file is damaged or not what its name says"
              .formatted(file, part),
          e);
    }
  }

  /** Reads an object. {@code field} gets each key and reads its value. */
  void object(Consumer<String> field) {
    read("an object", JsonToken.BEGIN_OBJECT, in::beginObject);
    Set<String> seen = new HashSet<>();
    while (read("a key or the end of the object", in::hasNext)) {
      String key = read("a key", in::nextName);
      if (!seen.add(key)) {
        throw malformed("the key '" + key + "' appears twice", "each key once", null);
      }
      requireUnicode(key);
      field.accept(key);
    }
    read("the end of the object", JsonToken.END_OBJECT, in::endObject);
  }

  /** Reads a string. */
  String string() {
    expect("a string", JsonToken.STRING);
    String value = read("a string", in::nextString);
    requireUnicode(value);
    return value;
  }

  /** Reads an array of whole numbers from 0 to 2⁶³ - 1. */
  long[] counts() {
    String expected = "an array of whole numbers, 0 to 2^63 - 1";
    read(expected, JsonToken.BEGIN_ARRAY, in::beginArray);
    long[] counts = new long[4];
    int n = 0;
    while (read(expected, in::hasNext)) {
      expect(expected, JsonToken.NUMBER);
      String text = read(expected, in::nextString);
      if (n == counts.length) {
        counts = Arrays.copyOf(counts, 2 * n);
      }
      try {
        counts[n++] = Long.parseUnsignedLong(text);
      } catch (NumberFormatException e) {
        throw malformed("found " + text, expected, e);
      }
      if (counts[n - 1] < 0) {
        throw malformed("found " + text, expected, null);
      }
    }
    read(expected, JsonToken.END_ARRAY, in::endArray);
    return Arrays.copyOf(counts, n);
  }

  /** Skips a value of any type. */
  void skip() {
    read(
        "a value",
        () -> {
          in.skipValue();
          return true;
        });
  }

  /** Requires that nothing but white space follows. */
  void end() {
    expect("nothing more", JsonToken.END_DOCUMENT);
  }

  @Override
  public void close() throws IOException {
    in.close();
  }

  private interface Read<T> {
    T run() throws IOException;
  }

  private interface Step {
    void run() throws IOException;
  }

  private void read(String expected, JsonToken token, Step step) {
    expect(expected, token);
    read(
        expected,
        () -> {
          step.run();
          return true;
        });
  }

  private void expect(String expected, JsonToken token) {
    JsonToken found = read(expected, in::peek);
    if (found != token) {
      throw malformed("found " + found, expected, null);
    }
  }

  private <T> T read(String expected, Read<T> step) {
    try {
      return step.run();
    } catch (IOException | IllegalStateException | NumberFormatException e) {
      throw malformed("the JSON is malformed (" + e.getMessage() + ")", expected, e);
    }
  }

  /** Refuses half a surrogate pair, which an escape can contain but UTF-8 cannot. */
  private void requireUnicode(String text) {
    if (!StandardCharsets.UTF_8.newEncoder().canEncode(text)) {
      throw malformed("half a surrogate pair in a string", "valid Unicode", null);
    }
  }

  private SafetensorsException malformed(String found, String expected, @Nullable Throwable cause) {
    return new SafetensorsException(
        "%s: %s, at %s: %s, expected %s; the file is damaged or incomplete: fetch it again"
            .formatted(file, part, in.getPath(), found, expected),
        cause);
  }
}
