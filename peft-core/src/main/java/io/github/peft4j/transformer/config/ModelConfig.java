package io.github.peft4j.transformer.config;

import com.google.gson.JsonArray;
import com.google.gson.JsonElement;
import com.google.gson.JsonObject;
import com.google.gson.JsonPrimitive;
import io.github.peft4j.advice.AdvisedException;
import io.github.peft4j.advice.Remedy;
import io.github.peft4j.io.ForeignFiles;
import io.github.peft4j.io.JsonFile;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.TreeMap;
import java.util.concurrent.ConcurrentHashMap;
import java.util.function.Function;
import java.util.function.Predicate;
import org.jspecify.annotations.Nullable;

/**
 * A Hugging Face {@code config.json}, read field by field. A field that is missing or has a wrong
 * value is an {@link IllegalArgumentException} that names file and field.
 */
public final class ModelConfig {

  private static final Set<String> OFF = Set.of("false", "0", "0.0", "\"\"");

  private final JsonObject json;
  private final String source;
  private final @Nullable ModelConfig generation;

  /** The part that this config is about, if its file has several: the name of the field with it. */
  private final @Nullable String part;

  /** The content of the file. */
  private final JsonObject whole;

  /** The names of the fields that were asked for. */
  private final Set<String> read;

  /** The objects in this one that were read as configs of their own, by name. */
  private final Map<String, ModelConfig> entered;

  private ModelConfig(
      JsonObject json,
      @Nullable String part,
      JsonObject whole,
      String source,
      @Nullable ModelConfig generation,
      Set<String> read,
      Map<String, ModelConfig> entered) {
    this.json = json;
    this.part = part;
    this.whole = whole;
    this.source = source;
    this.generation = generation;
    this.read = read;
    this.entered = entered;
  }

  private ModelConfig(JsonObject json, String source, @Nullable ModelConfig generation) {
    this(
        json,
        null,
        json,
        source,
        generation,
        ConcurrentHashMap.newKeySet(),
        new ConcurrentHashMap<>());
  }

  private ModelConfig(JsonObject json, String source) {
    this(json, source, null);
  }

  /** Creates a config from a JSON object; {@code source} is its name in errors. */
  public static ModelConfig of(JsonObject json, String source) {
    return new ModelConfig(json, source);
  }

  /**
   * Reads {@code config.json} from a model folder, and {@code generation_config.json} if there is
   * one.
   *
   * @throws IllegalArgumentException if the folder or config.json is missing, or a file is not a
   *     JSON object
   */
  public static ModelConfig read(Path folder) {
    Path file = folder.resolve("config.json");
    if (!Files.isRegularFile(file)) {
      throw new AdvisedException(
          (Files.isDirectory(folder)
                  ? folder + " has no config.json" + ForeignFiles.insteadOfModel(folder)
                  : folder
                      + " is not a folder"
                      + (Files.exists(folder) ? "" : ": it does not exist"))
              + ". Expected a Hugging Face model folder with config.json, model.safetensors and"
              + " tokenizer.json",
          Remedy.NAME_MODEL.with(
              "Pass the folder that holds them, or the name of a model on the Hugging Face hub to"
                  + " Peft.load(\"org/name\")"));
    }
    Path generation = folder.resolve("generation_config.json");
    return new ModelConfig(
        JsonFile.read(file),
        file.toString(),
        Files.isRegularFile(generation)
            ? new ModelConfig(JsonFile.read(generation), generation.toString())
            : null);
  }

  /**
   * The generation settings of the model's authors: generation_config.json or, for older models
   * without that file, this config.
   */
  public ModelConfig generation() {
    return generation == null ? this : generation;
  }

  /** A whole number or a list of whole numbers, as a list; empty if the field is missing. */
  public List<Long> integers(String field) {
    if (!has(field)) {
      return List.of();
    }
    JsonElement value = json.get(field);
    List<JsonElement> items =
        value.isJsonArray() ? value.getAsJsonArray().asList() : List.of(value);
    List<Long> numbers = new ArrayList<>();
    for (JsonElement item : items) {
      if (!item.isJsonPrimitive() || !item.getAsJsonPrimitive().isNumber()) {
        throw error(field, value, "a whole number, or a list of them");
      }
      numbers.add(item.getAsLong());
    }
    return numbers;
  }

  /** A list of strings; empty if the field is missing. */
  public List<String> texts(String field) {
    return list(field, JsonPrimitive::isString, JsonPrimitive::getAsString, "a list of strings");
  }

  /** A list of numbers; empty if the field is missing. */
  public List<Double> numbers(String field) {
    return list(field, JsonPrimitive::isNumber, JsonPrimitive::getAsDouble, "a list of numbers");
  }

  private <T> List<T> list(
      String field,
      Predicate<JsonPrimitive> isItem,
      Function<JsonPrimitive, T> item,
      String expected) {
    if (!has(field)) {
      return List.of();
    }
    if (!(json.get(field) instanceof JsonArray values)) {
      throw error(field, json.get(field), expected);
    }
    List<T> items = new ArrayList<>();
    for (JsonElement value : values) {
      if (!(value instanceof JsonPrimitive primitive) || !isItem.test(primitive)) {
        throw error(field, values, expected);
      }
      items.add(item.apply(primitive));
    }
    return items;
  }

  /** Whether the config names its classes, other than LABEL_0, LABEL_1, …. */
  public boolean namesLabels() {
    return has("id2label") && labels().stream().noneMatch(label -> label.startsWith("LABEL_"));
  }

  /** A copy of the JSON object in the file. */
  public JsonObject json() {
    return whole.deepCopy();
  }

  /** A copy with one field set. */
  public ModelConfig with(String field, JsonElement value) {
    JsonObject changed = whole.deepCopy();
    (part == null ? changed : changed.getAsJsonObject(part)).add(field, value);
    if (part == null) {
      return new ModelConfig(changed, null, changed, source, generation, read, entered);
    }
    JsonObject copy = json.deepCopy();
    copy.add(field, value);
    return new ModelConfig(copy, part, changed, source, generation, read, entered);
  }

  /**
   * The config of a part of a model, such as the text model of one for images and texts. A field
   * that the part lacks is that of the whole, or else its default.
   *
   * @param field the field with the part; the config itself is returned if there is none
   * @param defaults the values of fields that files leave out
   */
  public ModelConfig part(String field, JsonObject defaults) {
    if (part != null || !has(field) || !json.get(field).isJsonObject()) {
      return this;
    }
    JsonObject fields = defaults.deepCopy();
    json.entrySet().stream()
        .filter(entry -> !entry.getValue().isJsonObject())
        .forEach(entry -> fields.add(entry.getKey(), entry.getValue()));
    json.getAsJsonObject(field).entrySet().stream()
        .filter(entry -> !entry.getKey().equals("model_type"))
        .forEach(entry -> fields.add(entry.getKey(), entry.getValue()));
    return new ModelConfig(
        fields,
        field,
        json,
        source,
        generation,
        ConcurrentHashMap.newKeySet(),
        new ConcurrentHashMap<>());
  }

  /** Whether a field is present and not null. */
  public boolean has(String field) {
    read.add(field);
    return json.has(field) && !json.get(field).isJsonNull();
  }

  /** Whether a field is present and null, which for some fields is not the default. */
  public boolean isNull(String field) {
    read.add(field);
    return json.has(field) && json.get(field).isJsonNull();
  }

  /**
   * The fields that nobody asked for, with their values. Those that are null, false, 0 or empty
   * switch nothing on and are left out.
   */
  public Map<String, String> unread() {
    Map<String, String> unread = new TreeMap<>();
    for (String field : json.keySet()) {
      if (!read.contains(field) && !isOff(json.get(field))) {
        unread.put(field, json.get(field).toString());
      }
    }
    entered.forEach(
        (name, config) ->
            config.unread().forEach((field, value) -> unread.put(name + "." + field, value)));
    return unread;
  }

  private static boolean isOff(JsonElement value) {
    return value.isJsonNull()
        || (value.isJsonArray() && value.getAsJsonArray().isEmpty())
        || (value.isJsonObject() && value.getAsJsonObject().isEmpty())
        || OFF.contains(value.toString());
  }

  /**
   * The object in a field, as a config of its own; an empty one if the field is missing.
   *
   * @throws IllegalArgumentException if the field has another value
   */
  public ModelConfig within(String field) {
    if (!has(field)) {
      return new ModelConfig(new JsonObject(), source + ": " + field);
    }
    JsonElement value = json.get(field);
    if (!value.isJsonObject()) {
      throw error(field, value, "an object, or null");
    }
    return entered.computeIfAbsent(
        field, name -> new ModelConfig(value.getAsJsonObject(), source + ": " + name, generation));
  }

  /** A required whole number. */
  public int integer(String field) {
    double value = number(field);
    if (value != Math.rint(value) || Math.abs(value) > Integer.MAX_VALUE) {
      throw error(field, value, "a whole number");
    }
    return (int) value;
  }

  /** A whole number, or a default. */
  public int integer(String field, int otherwise) {
    return has(field) ? integer(field) : otherwise;
  }

  /** The id of a token, from 0 to {@code vocab_size} - 1. */
  public long tokenId(String field) {
    int id = integer(field);
    if (id < 0 || id >= size("vocab_size")) {
      throw error(field, id, "an id from 0 to " + (size("vocab_size") - 1));
    }
    return id;
  }

  /** A required whole number above 0: a dimension or a count. */
  public int size(String field) {
    int value = integer(field);
    if (value <= 0) {
      throw error(field, value, "a number above 0");
    }
    return value;
  }

  /** A whole number above 0, or a default. */
  public int size(String field, int otherwise) {
    return has(field) ? size(field) : otherwise;
  }

  /** A required finite number. */
  public double number(String field) {
    JsonElement value = required(field);
    if (!value.isJsonPrimitive() || !value.getAsJsonPrimitive().isNumber()) {
      throw error(field, value, "a number");
    }
    double number = value.getAsDouble();
    if (!Double.isFinite(number)) {
      throw error(field, value, "a finite number");
    }
    return number;
  }

  /** A number, or a default. */
  public double number(String field, double otherwise) {
    return has(field) ? number(field) : otherwise;
  }

  /** A required number above 0. */
  public double positive(String field) {
    double value = number(field);
    if (!(value > 0)) {
      throw error(field, value, "a number above 0");
    }
    return value;
  }

  /** A number above 0, or a default. */
  public double positive(String field, double otherwise) {
    return has(field) ? positive(field) : otherwise;
  }

  /** A dropout probability in [0, 1); 0 if the field is missing. */
  public double dropout(String field) {
    double value = number(field, 0);
    if (!(value >= 0 && value < 1)) {
      throw error(field, value, "a probability, 0 or above and below 1");
    }
    return value;
  }

  /** Whether a field is a string. */
  public boolean isText(String field) {
    return has(field)
        && json.get(field).isJsonPrimitive()
        && json.getAsJsonPrimitive(field).isString();
  }

  /** A string, or a default. */
  public String text(String field, String otherwise) {
    if (!has(field)) {
      return otherwise;
    }
    JsonElement value = json.get(field);
    if (!value.isJsonPrimitive() || !value.getAsJsonPrimitive().isString()) {
      throw error(field, value, "a string");
    }
    return value.getAsString();
  }

  /** A flag, or a default. */
  public boolean flag(String field, boolean otherwise) {
    if (!has(field)) {
      return otherwise;
    }
    JsonElement value = json.get(field);
    if (!value.isJsonPrimitive() || !value.getAsJsonPrimitive().isBoolean()) {
      throw error(field, value, "true or false");
    }
    return value.getAsBoolean();
  }

  /** The names of the classes by id: those of {@code id2label}, or else LABEL_0, LABEL_1, …. */
  public List<String> labels() {
    List<String> labels = new ArrayList<>();
    if (!has("id2label") || !json.get("id2label").isJsonObject()) {
      for (int i = 0; i < (has("num_labels") ? size("num_labels") : 2); i++) {
        labels.add("LABEL_" + i);
      }
      return labels;
    }
    JsonObject names = json.getAsJsonObject("id2label");
    for (int i = 0; i < names.size(); i++) {
      JsonElement name = names.get(String.valueOf(i));
      if (name == null || !name.isJsonPrimitive()) {
        throw error("id2label", names, "a name for each id from 0 to " + (names.size() - 1));
      }
      labels.add(name.getAsString());
    }
    if (labels.isEmpty()) {
      throw error("id2label", names, "a name for at least one id");
    }
    return labels;
  }

  /**
   * {@code rope_scaling}, which counts if both are there, as in transformers, or else {@code
   * rope_parameters}; empty if both are missing.
   */
  public ModelConfig ropeParameters() {
    return within(has("rope_scaling") ? "rope_scaling" : "rope_parameters");
  }

  /** The name of this config in errors: the file that it was read from. */
  public String source() {
    return source;
  }

  /** The error for a field with a wrong value. */
  public IllegalArgumentException error(String field, @Nullable Object value, String expected) {
    return new IllegalArgumentException(
        source + ": field '" + field + "' is " + value + "; expected " + expected);
  }

  /**
   * Requires the only supported value of a field.
   *
   * @throws UnsupportedModelException if the field has another value
   */
  public void require(String field, Object value, Object supported) {
    if (!value.equals(supported)) {
      throw new UnsupportedModelException(error(field, value, supported.toString()));
    }
  }

  private JsonElement required(String field) {
    if (!has(field)) {
      throw new IllegalArgumentException(
          source + ": field '" + field + "' is missing; there are " + json.keySet());
    }
    return json.get(field);
  }

  @Override
  public String toString() {
    return source + " " + json;
  }
}
