package io.github.peft4j.data.format;

import com.google.gson.stream.JsonReader;
import com.google.gson.stream.JsonToken;
import io.github.peft4j.data.DataException;
import io.github.peft4j.data.Quote;
import io.github.peft4j.data.Values;
import io.github.peft4j.io.StrictJsonReader;
import java.io.IOException;
import java.io.StringReader;
import java.math.BigInteger;
import java.util.ArrayList;
import java.util.Collections;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.regex.Pattern;
import org.jspecify.annotations.Nullable;

/** JSON as {@link Values}, strictly. */
public final class Json {

  private static final Pattern NOT_JSON = Pattern.compile("[:,\\[]\\s*-?(NaN|Infinity)\\b");

  private final String place;
  private final JsonReader reader;

  private Json(String place, JsonReader reader) {
    this.place = place;
    this.reader = reader;
  }

  /** The object that a text is. */
  static Map<String, @Nullable Object> object(String place, String text) {
    try (JsonReader reader = reader(text)) {
      if (reader.peek() == JsonToken.BEGIN_OBJECT) {
        Map<String, @Nullable Object> object = new Json(place, reader).object();
        if (reader.peek() == JsonToken.END_DOCUMENT) {
          return object;
        }
      }
      throw new DataException(expected(place, text));
    } catch (IOException | IllegalStateException | NumberFormatException e) {
      throw new DataException(
          expected(place, text)
              + (NOT_JSON.matcher(text).find()
                  ? ": NaN and Infinity are no JSON. Write null"
                  : reason(e)),
          e);
    }
  }

  private static JsonReader reader(String text) {
    return new StrictJsonReader(new StringReader(text), Values.MOST_DEPTH);
  }

  /**
   * The value that a text is.
   *
   * @param place where it stands, for messages
   * @param text the text
   * @return the value, as {@link Values}
   * @throws DataException if it is no JSON
   */
  public static @Nullable Object value(String place, String text) {
    try (JsonReader reader = reader(text)) {
      Object value = new Json(place, reader).value();
      if (reader.peek() == JsonToken.END_DOCUMENT) {
        return value;
      }
      throw new DataException(
          "%s: expected one JSON value, found '%s'".formatted(place, Quote.shorten(text)));
    } catch (IOException | IllegalStateException | NumberFormatException e) {
      throw new DataException(
          "%s: expected JSON, found '%s'%s".formatted(place, Quote.shorten(text), reason(e)), e);
    }
  }

  private static String expected(String place, String text) {
    return "%s: expected one JSON object, found '%s'".formatted(place, Quote.shorten(text));
  }

  /** What the parser says, without its advice to Java programmers. */
  private static String reason(Exception e) {
    String message = String.valueOf(e.getMessage()).lines().findFirst().orElse("");
    int at = message.indexOf(" at line ");
    int path = message.indexOf(" path ");
    String what =
        message.contains("setStrictness")
            ? "malformed"
            : at < 0 ? message : message.substring(0, at);
    return path < 0 ? " (" + what + ")" : " (" + what + " at " + message.substring(path + 6) + ")";
  }

  private Map<String, @Nullable Object> object() throws IOException {
    Map<String, @Nullable Object> object = new LinkedHashMap<>();
    reader.beginObject();
    while (reader.hasNext()) {
      String key = Text.whole(place, "a key", reader.nextName());
      if (object.containsKey(key)) {
        throw new DataException(
            "%s: key '%s' stands twice in one object (%s). Keep one of them"
                .formatted(place, Quote.shorten(key), reader.getPath()));
      }
      object.put(key, value());
    }
    reader.endObject();
    return Collections.unmodifiableMap(object);
  }

  private @Nullable Object value() throws IOException {
    return switch (reader.peek()) {
      case BEGIN_OBJECT -> object();
      case BEGIN_ARRAY -> list();
      case STRING -> Text.whole(place, "the value at " + reader.getPath(), reader.nextString());
      case NUMBER -> number();
      case BOOLEAN -> reader.nextBoolean();
      case NULL -> {
        reader.nextNull();
        yield null;
      }
      default -> throw new IllegalStateException("unexpected " + reader.peek());
    };
  }

  private List<@Nullable Object> list() throws IOException {
    List<@Nullable Object> list = new ArrayList<>();
    reader.beginArray();
    while (reader.hasNext()) {
      list.add(value());
    }
    reader.endArray();
    return Collections.unmodifiableList(list);
  }

  /** As Python reads it: a fraction or an exponent makes a float. */
  private Number number() throws IOException {
    String path = reader.getPath();
    String text = reader.nextString();
    if (text.chars().allMatch(c -> c == '-' || Character.isDigit(c))) {
      return Values.integer(new BigInteger(text));
    }
    double number = Double.parseDouble(text);
    if (Double.isInfinite(number)) {
      throw new DataException(
          "%s: the number %s at %s is larger than a float can be"
              .formatted(place, Quote.shorten(text), path));
    }
    return number;
  }
}
