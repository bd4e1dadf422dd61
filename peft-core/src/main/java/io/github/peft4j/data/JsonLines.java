package io.github.peft4j.data;

import com.google.gson.JsonElement;
import com.google.gson.JsonObject;
import com.google.gson.JsonParseException;
import com.google.gson.JsonParser;
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

/**
 * Reads files of one JSON object a line (JSON Lines), in UTF-8. Blank lines are passed over.
 * Numbers and truth values are taken as written, objects and arrays as their JSON text.
 */
public final class JsonLines {

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
      JsonObject object = object(path, number, line);
      columns.addAll(object.keySet());
      rows.add(new Row(number, values(object)));
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
      throw new JsonParseException("more or other than an object");
    } catch (JsonParseException | IOException e) {
      throw new DataException(
          "%s, line %d: expected one JSON object on the line, found '%s'"
              .formatted(path, number, Quote.shorten(line)),
          e);
    }
  }

  private static Map<String, String> values(JsonObject object) {
    Map<String, String> values = new HashMap<>();
    for (Map.Entry<String, JsonElement> entry : object.entrySet()) {
      JsonElement value = entry.getValue();
      if (!value.isJsonNull()) {
        String text = value.isJsonPrimitive() ? value.getAsString() : value.toString();
        values.put(entry.getKey(), text);
      }
    }
    return values;
  }
}
