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
 * The vocabulary of a tokenizer.json's model, which DJL does not expose: its size and the ids of
 * some tokens. The file is streamed, because it may have a quarter of a million tokens.
 */
final class Vocabulary {

  private final Set<String> wanted;
  private final Map<String, Long> ids = new HashMap<>();
  private final Map<String, Double> scores = new HashMap<>();
  private long largest = -1;
  private long entries;

  private Vocabulary(Collection<String> wanted) {
    this.wanted = Set.copyOf(wanted);
  }

  /** Reads the vocabulary and the ids of the tokens that are wanted. */
  static Vocabulary read(byte[] json, Collection<String> wanted, String source) {
    Vocabulary vocabulary = new Vocabulary(wanted);
    try (JsonReader reader =
        new JsonReader(
            new InputStreamReader(new ByteArrayInputStream(json), StandardCharsets.UTF_8))) {
      object(reader, key -> in(reader, key, TokenizerJson.MODEL, vocabulary::readModel));
    } catch (IOException | IllegalStateException | NumberFormatException e) {
      throw new DataException(
          source + ": expected the JSON of a tokenizer. Download the file again", e);
    }
    return vocabulary;
  }

  /** The id of a token, if it was wanted and is there. */
  @Nullable Long id(@Nullable String token) {
    return ids.get(token);
  }

  /** The score of a wanted token of a unigram model. */
  @Nullable Double score(@Nullable String token) {
    return scores.get(token);
  }

  /** The largest id + 1. */
  int size() {
    return Math.toIntExact(largest + 1);
  }

  /** The number of tokens, which is less than the size if ids are left out. */
  long entries() {
    return entries;
  }

  private void readModel(JsonReader reader) throws IOException {
    object(reader, key -> in(reader, key, "vocab", this::readVocabulary));
  }

  private void readVocabulary(JsonReader reader) throws IOException {
    if (reader.peek() == JsonToken.BEGIN_ARRAY) {
      readUnigrams(reader);
    } else {
      object(reader, token -> found(token, reader.nextLong()));
    }
  }

  /** Pairs of a token and its score; the id is the position. */
  private void readUnigrams(JsonReader reader) throws IOException {
    reader.beginArray();
    while (reader.hasNext()) {
      reader.beginArray();
      String token = reader.nextString();
      found(token, largest + 1);
      double score = reader.nextDouble();
      if (wanted.contains(token)) {
        scores.put(token, score);
      }
      reader.endArray();
    }
    reader.endArray();
  }

  private void found(String token, long id) {
    entries++;
    largest = Math.max(largest, id);
    if (wanted.contains(token)) {
      ids.put(token, id);
    }
  }

  private interface Field {
    void read(String key) throws IOException;
  }

  private interface Value {
    void read(JsonReader reader) throws IOException;
  }

  private static void in(JsonReader reader, String key, String wanted, Value value)
      throws IOException {
    if (key.equals(wanted)) {
      value.read(reader);
    } else {
      reader.skipValue();
    }
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
}
