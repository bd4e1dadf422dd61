package io.github.peft4j.examples.bench;

import com.google.gson.JsonElement;
import com.google.gson.JsonObject;
import com.google.gson.JsonParseException;
import com.google.gson.JsonParser;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.OptionalDouble;

/**
 * A line of JSON that a side printed.
 *
 * @param fields its values
 */
record Line(JsonObject fields) {

  /** What is the same on all sides of a case. */
  static final List<String> CASE =
      List.of(
          "machine",
          "revision",
          "shape",
          "method",
          "case",
          "rows",
          "batch",
          "length",
          "new_tokens",
          "precision");

  private static final List<String> REQUIRED = List.of("side", "step_ms", "tokens_per_second");

  /**
   * Reads a line.
   *
   * @throws IllegalArgumentException naming the field that is missing
   */
  static Line parse(String json) {
    JsonObject fields;
    try {
      fields = JsonParser.parseString(json).getAsJsonObject();
    } catch (JsonParseException | IllegalStateException e) {
      throw new IllegalArgumentException("expected an object in JSON, found: " + json, e);
    }
    Line line = new Line(fields);
    fields.addProperty("machine", line.machine());
    REQUIRED.forEach(line::required);
    CASE.forEach(line::required);
    return line;
  }

  private String machine() {
    return fields.has("card")
        ? fields.get("card").getAsString()
        : "%s, %s cores".formatted(text("cpu"), text("cores"));
  }

  private void required(String name) {
    if (!fields.has(name)) {
      throw new IllegalArgumentException("no field '" + name + "' in: " + fields);
    }
  }

  /** Who was measured: {@code peft4j}, {@code eager} or {@code compile}. */
  String side() {
    return text("side");
  }

  /** What was measured, by the names of {@link #CASE}. */
  Map<String, String> measured() {
    Map<String, String> values = new LinkedHashMap<>();
    CASE.forEach(name -> values.put(name, text(name)));
    return values;
  }

  /** A field, or nothing if the line does not have it. */
  String text(String name) {
    JsonElement value = fields.get(name);
    return value == null ? "" : value.getAsString();
  }

  /** A number, if the line has it. */
  OptionalDouble number(String name) {
    JsonElement value = fields.get(name);
    return value == null ? OptionalDouble.empty() : OptionalDouble.of(value.getAsDouble());
  }

  /**
   * Whether twice as many threads wanted to run as there are cores, when the measurement began. The
   * measurement before it accounts for one a core.
   */
  boolean isDisturbed() {
    return number("load").orElse(0) > 2 * number("cores").orElse(Double.POSITIVE_INFINITY);
  }

  double tokensPerSecond() {
    return fields.get("tokens_per_second").getAsDouble();
  }

  /** The memory that counts: that of the card, or of the process. */
  OptionalDouble memoryMib() {
    OptionalDouble device = number("device_memory_mib");
    return device.isPresent() ? device : number("peak_rss_mib");
  }
}
