package io.github.peft4j.data;

import com.google.gson.JsonElement;
import com.google.gson.JsonObject;
import com.google.gson.JsonParseException;
import com.google.gson.JsonParser;
import com.google.gson.JsonPrimitive;
import com.google.gson.Strictness;
import com.google.gson.stream.JsonReader;
import com.google.gson.stream.JsonToken;
import io.github.peft4j.data.Table.Row;
import java.io.BufferedReader;
import java.io.IOException;
import java.io.StringReader;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.regex.Pattern;

/**
 * Reads JSON Lines files: one JSON object a line, in UTF-8. Blank lines are skipped. Strings and
 * booleans are taken as written. So are numbers, except that whole numbers lose a fraction of
 * zeros: 1.0 becomes 1. Columns that hold arrays or objects, such as the messages of a
 * conversation, cannot be used.
 */
public final class JsonLines {

  private static final Pattern WHOLE = Pattern.compile("^(-?\\d+)\\.0+$");

  private JsonLines() {}

  /**
   * Reads a file.
   *
   * @param path the file
   * @return its rows, to be mapped to examples
   * @throws DataException if a line is not a JSON object
   */
  public static Table read(String path) {
    return read(Path.of(path));
  }

  /**
   * Reads a file.
   *
   * @param path the file
   * @return its rows, to be mapped to examples
   * @throws DataException if a line is not a JSON object
   */
  public static Table read(Path path) {
    return TextFiles.read(path, reader -> parse(path, reader));
  }

  private static Table parse(Path path, BufferedReader reader) throws IOException {
    Set<String> columns = new LinkedHashSet<>();
    List<Row> rows = new ArrayList<>();
    long number = 0;
    for (String line = reader.readLine(); line != null; line = reader.readLine()) {
      number++;
      if (line.isBlank()) {
        continue;
      }
      if (rows.isEmpty() && line.stripLeading().startsWith("[")) {
        throw new DataException(
            ("%s, line %d: expected one JSON object on the line, found '%s': the file is a JSON"
                    + " array. Write its elements on lines of their own, for example by"
                    + " jq -c '.[]' data.json > data.jsonl")
                .formatted(path, number, Quote.shorten(line)));
      }
      JsonObject object = object(path, number, line);
      columns.addAll(object.keySet());
      rows.add(row(number, object));
    }
    return new Table(path.toString(), List.copyOf(columns), rows);
  }

  private static JsonObject object(Path path, long number, String line) {
    try (JsonReader reader = new JsonReader(new StringReader(line))) {
      reader.setStrictness(Strictness.STRICT);
      JsonElement element = JsonParser.parseReader(reader);
      if (element.isJsonObject() && reader.peek() == JsonToken.END_DOCUMENT) {
        return element.getAsJsonObject();
      }
      throw new JsonParseException("more than one value, or not an object");
    } catch (JsonParseException | IOException e) {
      throw new DataException(
          "%s, line %d: expected one JSON object on the line, found '%s'"
              .formatted(path, number, Quote.shorten(line)),
          e);
    }
  }

  private static Row row(long number, JsonObject object) {
    Map<String, String> values = new HashMap<>();
    Map<String, String> structured = new HashMap<>();
    object
        .asMap()
        .forEach(
            (column, value) -> {
              if (value instanceof JsonPrimitive primitive) {
                values.put(column, text(primitive));
              } else if (!value.isJsonNull()) {
                structured.put(column, value.isJsonArray() ? "a JSON array" : "a JSON object");
              }
            });
    return new Row(number, values, structured);
  }

  /** The text of a value. A whole number has no fraction, also if it is written with zeros. */
  private static String text(JsonPrimitive value) {
    String text = value.getAsString();
    return value.isNumber() ? WHOLE.matcher(text).replaceFirst("$1") : text;
  }
}
