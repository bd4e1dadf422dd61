package io.github.peft4j.data.tokenizer;

import com.google.gson.stream.JsonReader;
import com.google.gson.stream.JsonToken;
import io.github.peft4j.data.DataException;
import java.io.ByteArrayInputStream;
import java.io.IOException;
import java.io.InputStreamReader;
import java.nio.charset.StandardCharsets;
import java.util.Collection;
import java.util.HashMap;
import java.util.Map;
import java.util.Set;
import org.jspecify.annotations.Nullable;

/**
 * The parts of a tokenizer.json that DJL does not expose: the vocabulary's size and the ids of some
 * tokens. The file is streamed, because it may have a quarter of a million tokens.
 */
final class Vocabulary {

  private final Set<String> wanted;
  private final Map<String, Long> added = new HashMap<>();
  private final Map<String, Long> found = new HashMap<>();
  private @Nullable Long padId;
  private long largest = -1;
  private long largestOfModel = -1;

  private Vocabulary(Collection<String> wanted) {
    this.wanted = Set.copyOf(wanted);
  }

  /** Reads the added tokens, and those of the other tokens that are wanted. */
  static Vocabulary read(byte[] json, Collection<String> wanted, String source) {
    Vocabulary vocabulary = new Vocabulary(wanted);
    try (JsonReader reader =
        new JsonReader(
            new InputStreamReader(new ByteArrayInputStream(json), StandardCharsets.UTF_8))) {
      vocabulary.readFile(reader);
    } catch (IOException | IllegalStateException | NumberFormatException e) {
      throw new DataException(
          source + ": expected the JSON of a tokenizer. Download the file again", e);
    }
    return vocabulary;
  }

  /** The id of an added or wanted token. */
  @Nullable Long id(@Nullable String token) {
    Long id = addedId(token);
    return id != null ? id : found.get(token);
  }

  @Nullable Long addedId(@Nullable String token) {
    return added.get(token);
  }

  /** The padding id in the file's own padding settings. */
  @Nullable Long padId() {
    return padId;
  }

  int size() {
    return Math.toIntExact(largest + 1);
  }

  /** The size of the vocabulary without added tokens. */
  int modelSize() {
    return Math.toIntExact(largestOfModel + 1);
  }

  private void readFile(JsonReader reader) throws IOException {
    object(
        reader,
        key -> {
          switch (key) {
            case "added_tokens" -> array(reader, () -> readAdded(reader));
            case "padding" -> readPadding(reader);
            case "model" -> object(reader, name -> readModel(reader, name));
            default -> reader.skipValue();
          }
        });
  }

  private void readAdded(JsonReader reader) throws IOException {
    String[] content = {""};
    long[] id = {-1};
    object(
        reader,
        key -> {
          switch (key) {
            case "id" -> id[0] = reader.nextLong();
            case "content" -> content[0] = reader.nextString();
            default -> reader.skipValue();
          }
        });
    added.put(content[0], id[0]);
    largest = Math.max(largest, id[0]);
  }

  private void readPadding(JsonReader reader) throws IOException {
    object(
        reader,
        key -> {
          if (key.equals("pad_id")) {
            padId = reader.nextLong();
          } else {
            reader.skipValue();
          }
        });
  }

  private void readModel(JsonReader reader, String key) throws IOException {
    if (!key.equals("vocab")) {
      reader.skipValue();
    } else if (reader.peek() == JsonToken.BEGIN_ARRAY) {
      readUnigrams(reader);
    } else {
      object(reader, token -> found(token, reader.nextLong()));
    }
  }

  /** Pairs of a token and its score; the id is the position. */
  private void readUnigrams(JsonReader reader) throws IOException {
    long[] id = {0};
    array(
        reader,
        () -> {
          reader.beginArray();
          found(reader.nextString(), id[0]++);
          reader.skipValue();
          reader.endArray();
        });
  }

  private void found(String token, long id) {
    largest = Math.max(largest, id);
    largestOfModel = Math.max(largestOfModel, id);
    if (wanted.contains(token)) {
      found.put(token, id);
    }
  }

  private interface Field {
    void read(String key) throws IOException;
  }

  private interface Item {
    void read() throws IOException;
  }

  /** Reads the fields of an object; null counts as an empty one. */
  private static void object(JsonReader reader, Field field) throws IOException {
    if (reader.peek() == JsonToken.NULL) {
      reader.nextNull();
      return;
    }
    reader.beginObject();
    while (reader.hasNext()) {
      field.read(reader.nextName());
    }
    reader.endObject();
  }

  private static void array(JsonReader reader, Item item) throws IOException {
    reader.beginArray();
    while (reader.hasNext()) {
      item.read();
    }
    reader.endArray();
  }
}
