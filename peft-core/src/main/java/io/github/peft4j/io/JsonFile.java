package io.github.peft4j.io;

import com.google.gson.Gson;
import com.google.gson.GsonBuilder;
import com.google.gson.JsonElement;
import com.google.gson.JsonObject;
import com.google.gson.JsonParseException;
import com.google.gson.JsonParser;
import java.io.IOException;
import java.io.InputStream;
import java.io.InputStreamReader;
import java.io.UncheckedIOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.NoSuchFileException;
import java.nio.file.Path;
import java.util.List;
import java.util.Map;
import java.util.TreeMap;
import java.util.regex.Matcher;
import java.util.regex.Pattern;

/** JSON files as Hugging Face's libraries write them: one object, two spaces, nulls kept. */
public final class JsonFile {

  /** The place in Gson's messages: what, line and column. */
  private static final Pattern PLACE =
      Pattern.compile("(?:[\\w.]+Exception: )?(.*?) at line (\\d+) column (\\d+)");

  private static final Gson GSON =
      new GsonBuilder()
          .setPrettyPrinting()
          .serializeNulls()
          .disableHtmlEscaping()
          .serializeSpecialFloatingPointValues()
          .create();

  private JsonFile() {}

  /**
   * The object in a file.
   *
   * @throws IllegalArgumentException naming the file, if it is missing, not JSON or not an object
   * @throws UncheckedIOException naming the file, if it cannot be read
   */
  public static JsonObject read(Path file) {
    return object(parse(file), file.toString());
  }

  /**
   * The list of objects in a file.
   *
   * @throws IllegalArgumentException naming the file, if it is missing, not JSON or not such a list
   * @throws UncheckedIOException naming the file, if it cannot be read
   */
  public static List<JsonObject> readList(Path file) {
    JsonElement json = parse(file);
    if (!json.isJsonArray()) {
      throw new IllegalArgumentException(file + ": expected a JSON array, found " + json);
    }
    return json.getAsJsonArray().asList().stream()
        .map(item -> object(item, file + ": an item of the array"))
        .toList();
  }

  private static JsonElement parse(Path file) {
    try {
      String text = Files.readString(file);
      ForeignFiles.requireJsonText(file, text);
      return JsonParser.parseString(text);
    } catch (JsonParseException e) {
      throw new IllegalArgumentException(
          file
              + " is not valid JSON"
              + place(e)
              + ". Correct it there if you have edited it, or fetch the file again",
          e);
    } catch (NoSuchFileException e) {
      throw new IllegalArgumentException("the file " + file + " is missing", e);
    } catch (IOException e) {
      throw new UncheckedIOException("cannot read " + file, e);
    }
  }

  /** What the parser found where, without its advice about the parser. */
  private static String place(JsonParseException e) {
    Matcher found = PLACE.matcher(String.valueOf(e.getMessage()));
    if (!found.find()) {
      return "";
    }
    String what = found.group(1);
    return ": line %s, column %s%s"
        .formatted(
            found.group(2),
            found.group(3),
            what.startsWith("Use JsonReader") ? "" : " (" + what + ")");
  }

  /**
   * The object in a resource next to a class.
   *
   * @throws IllegalStateException if there is no such resource
   */
  public static JsonObject resource(Class<?> type, String name) {
    try (InputStream in = type.getResourceAsStream(name)) {
      if (in == null) {
        throw new IllegalStateException(type.getPackageName() + " lacks the resource " + name);
      }
      return JsonParser.parseReader(new InputStreamReader(in, StandardCharsets.UTF_8))
          .getAsJsonObject();
    } catch (IOException e) {
      throw new UncheckedIOException("cannot read the resource " + name, e);
    }
  }

  /** The text of a file, with its fields in the given order. */
  public static String text(JsonElement json) {
    return GSON.toJson(json);
  }

  /** The text of a file with sorted fields. */
  public static String sorted(Map<String, JsonElement> fields) {
    JsonObject sorted = new JsonObject();
    new TreeMap<>(fields).forEach(sorted::add);
    return text(sorted);
  }

  /** A map of texts or numbers as an object with sorted fields. */
  public static JsonElement sortedObject(Map<String, ?> values) {
    return GSON.toJsonTree(new TreeMap<>(values));
  }

  private static JsonObject object(JsonElement json, String file) {
    if (json.isJsonObject()) {
      return json.getAsJsonObject();
    }
    String found = json.isJsonArray() ? "an array" : json.isJsonNull() ? "null" : "a value";
    throw new IllegalArgumentException(file + ": expected a JSON object, found " + found);
  }
}
