package io.github.peft4j.data.tokenizer;

import com.google.gson.JsonElement;
import com.google.gson.JsonNull;
import com.google.gson.JsonObject;
import com.google.gson.JsonParser;
import com.google.gson.JsonPrimitive;
import com.google.gson.Strictness;
import com.google.gson.stream.JsonReader;
import com.google.gson.stream.JsonToken;
import com.google.gson.stream.JsonWriter;
import io.github.peft4j.data.DataException;
import java.io.ByteArrayInputStream;
import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.io.InputStreamReader;
import java.io.OutputStreamWriter;
import java.io.Writer;
import java.nio.charset.StandardCharsets;
import java.util.Map;
import java.util.Set;

/**
 * A tokenizer.json of which only the small parts are held as objects. The vocabulary and the merges
 * may have a quarter of a million entries; they are copied as text.
 */
final class TokenizerJson {

  static final String MODEL = "model";

  private static final Set<String> LARGE = Set.of("vocab", "merges");

  private final byte[] bytes;
  private final JsonObject parts;

  private TokenizerJson(byte[] bytes, JsonObject parts) {
    this.bytes = bytes;
    this.parts = parts;
  }

  static TokenizerJson of(JsonObject json, String source) {
    return read(json.toString().getBytes(StandardCharsets.UTF_8), source);
  }

  static TokenizerJson read(byte[] bytes, String source) {
    try (JsonReader reader = reader(bytes)) {
      JsonObject parts = new JsonObject();
      reader.beginObject();
      while (reader.hasNext()) {
        String name = reader.nextName();
        parts.add(
            name,
            name.equals(MODEL) && reader.peek() == JsonToken.BEGIN_OBJECT
                ? small(reader)
                : JsonParser.parseReader(reader));
      }
      reader.endObject();
      return new TokenizerJson(bytes, parts);
    } catch (IOException | RuntimeException e) {
      throw new DataException(
          source + ": expected the JSON of a tokenizer. Download the file again", e);
    }
  }

  private static JsonReader reader(byte... bytes) {
    JsonReader reader =
        new JsonReader(
            new InputStreamReader(new ByteArrayInputStream(bytes), StandardCharsets.UTF_8));
    reader.setStrictness(Strictness.LENIENT);
    return reader;
  }

  private static JsonObject small(JsonReader reader) throws IOException {
    JsonObject model = new JsonObject();
    reader.beginObject();
    while (reader.hasNext()) {
      String name = reader.nextName();
      if (LARGE.contains(name)) {
        reader.skipValue();
      } else {
        model.add(name, JsonParser.parseReader(reader));
      }
    }
    reader.endObject();
    return model;
  }

  byte[] bytes() {
    return bytes;
  }

  /** The file without vocabulary and merges; a copy. */
  JsonObject parts() {
    return parts.deepCopy();
  }

  JsonObject model() {
    return parts.get(MODEL) instanceof JsonObject model ? model : new JsonObject();
  }

  /** The model's type; empty in old files that do not name it. */
  String modelType() {
    return model().get("type") instanceof JsonPrimitive type ? type.getAsString() : "";
  }

  /** Whether a part of this kind is anywhere in the file. */
  boolean mentions(String type) {
    return parts.toString().contains("\"" + type + "\"");
  }

  /** This file with other small parts. */
  TokenizerJson with(JsonObject changed) {
    if (changed.equals(parts)) {
      return this;
    }
    ByteArrayOutputStream out = new ByteArrayOutputStream(bytes.length);
    try (Writer text = new OutputStreamWriter(out, StandardCharsets.UTF_8);
        JsonWriter writer = new JsonWriter(text);
        JsonReader reader = reader(bytes)) {
      writer.setStrictness(Strictness.LENIENT);
      writer.beginObject();
      for (Map.Entry<String, JsonElement> part : changed.entrySet()) {
        if (!part.getKey().equals(MODEL)) {
          writer.name(part.getKey());
          writer.jsonValue(part.getValue().toString());
        }
      }
      writer.name(MODEL);
      writeModel(changed.get(MODEL), writer, reader);
      writer.endObject();
    } catch (IOException e) {
      throw new IllegalStateException("cannot write to memory", e);
    }
    return new TokenizerJson(out.toByteArray(), changed.deepCopy());
  }

  private static void writeModel(JsonElement model, JsonWriter writer, JsonReader reader)
      throws IOException {
    writer.beginObject();
    for (Map.Entry<String, JsonElement> field : model.getAsJsonObject().entrySet()) {
      writer.name(field.getKey());
      writer.jsonValue(field.getValue().toString());
    }
    reader.beginObject();
    while (reader.hasNext()) {
      if (!reader.nextName().equals(MODEL)) {
        reader.skipValue();
        continue;
      }
      reader.beginObject();
      while (reader.hasNext()) {
        String name = reader.nextName();
        if (LARGE.contains(name)) {
          writer.name(name);
          copy(reader, writer);
        } else {
          reader.skipValue();
        }
      }
      reader.endObject();
    }
    writer.endObject();
  }

  private static void copy(JsonReader reader, JsonWriter writer) throws IOException {
    switch (reader.peek()) {
      case BEGIN_ARRAY -> {
        reader.beginArray();
        writer.beginArray();
        while (reader.hasNext()) {
          copy(reader, writer);
        }
        reader.endArray();
        writer.endArray();
      }
      case BEGIN_OBJECT -> {
        reader.beginObject();
        writer.beginObject();
        while (reader.hasNext()) {
          writer.name(reader.nextName());
          copy(reader, writer);
        }
        reader.endObject();
        writer.endObject();
      }
      case NUMBER -> writer.jsonValue(reader.nextString());
      case BOOLEAN -> writer.value(reader.nextBoolean());
      case NULL -> {
        reader.nextNull();
        writer.nullValue();
      }
      default -> writer.value(reader.nextString());
    }
  }

  /** A part, or JSON's null. */
  JsonElement part(String name) {
    JsonElement part = parts.get(name);
    return part == null ? JsonNull.INSTANCE : part;
  }
}
