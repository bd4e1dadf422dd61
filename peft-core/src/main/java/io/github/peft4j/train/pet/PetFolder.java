package io.github.peft4j.train.pet;

import com.google.gson.JsonArray;
import com.google.gson.JsonElement;
import com.google.gson.JsonObject;
import com.google.gson.JsonPrimitive;
import io.github.peft4j.io.AtomicFiles;
import io.github.peft4j.io.JsonFile;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Map;
import java.util.Optional;
import java.util.TreeMap;
import java.util.stream.Stream;
import org.jspecify.annotations.Nullable;

/**
 * The folder of a run: its settings, and a folder for each model, which is complete or not there.
 */
record PetFolder(Path folder) {

  /** A finished model: its report, and its logits of the unlabelled texts if there are any. */
  record Finished(PetMember member, double[][] logits) {}

  /**
   * Checks that the folder is of a run with these settings, or makes it. A run that has saved no
   * model yet, because of a mistake that is mended now, does not count.
   *
   * @throws IllegalArgumentException naming a setting that is another one
   */
  void claim(Map<String, String> settings) {
    Path file = folder.resolve("pet.json");
    boolean isNew = !Files.exists(file);
    JsonObject there = isNew ? new JsonObject() : JsonFile.read(file);
    if (isNew || (there.keySet().equals(settings.keySet()) && !hasModels())) {
      Map<String, JsonElement> fields = new TreeMap<>();
      settings.forEach((name, value) -> fields.put(name, new JsonPrimitive(value)));
      AtomicFiles.writeText(file, JsonFile.sorted(fields));
      return;
    }
    settings.forEach(
        (name, value) -> {
          JsonElement old = there.get(name);
          if (!new JsonPrimitive(value).equals(old)) {
            throw new IllegalArgumentException(
                "%s is of a run with %s %s, but this one has %s: take another folder"
                    .formatted(file, name, text(old), value));
          }
        });
  }

  private static String text(@Nullable JsonElement value) {
    if (value == null) {
      return "unknown";
    }
    return value instanceof JsonPrimitive primitive ? primitive.getAsString() : value.toString();
  }

  private boolean hasModels() {
    try (Stream<Path> files = Files.walk(folder, 2)) {
      return files.anyMatch(file -> file.endsWith("adapter_config.json"));
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    }
  }

  Path of(String name) {
    return folder.resolve(name);
  }

  /**
   * A model that an earlier run finished.
   *
   * @param texts the number of unlabelled texts
   * @param labels the number of labels
   * @throws IllegalArgumentException if its file is damaged
   */
  Optional<Finished> read(String name, int generation, Pattern pattern, int texts, int labels) {
    Path file = of(name).resolve("member.json");
    if (!Files.exists(file)) {
      return Optional.empty();
    }
    JsonObject json = JsonFile.read(file);
    PetMember member =
        new PetMember(
            name,
            generation,
            pattern,
            (int) number(file, json, "training_texts", Integer.MAX_VALUE),
            number(file, json, "accuracy_before", 1),
            number(file, json, "accuracy_after", 1),
            of(name));
    JsonElement rows = json.get("logits");
    double[][] logits = new double[texts][labels];
    require(
        file, "logits", rows, isArray(rows, texts), "a row for each of %d texts".formatted(texts));
    for (int i = 0; i < texts; i++) {
      JsonElement row = rows.getAsJsonArray().get(i);
      for (int l = 0; l < labels; l++) {
        require(
            file,
            "logits[%d]".formatted(i),
            row,
            isArray(row, labels) && isNumber(row.getAsJsonArray().get(l)),
            "%d finite numbers".formatted(labels));
        logits[i][l] = row.getAsJsonArray().get(l).getAsDouble();
      }
    }
    return Optional.of(new Finished(member, logits));
  }

  private static boolean isArray(@Nullable JsonElement json, int size) {
    return json instanceof JsonArray array && array.size() == size;
  }

  private static boolean isNumber(@Nullable JsonElement json) {
    return json instanceof JsonPrimitive value
        && value.isNumber()
        && Double.isFinite(value.getAsDouble());
  }

  private static double number(Path file, JsonObject json, String field, double most) {
    JsonElement value = json.get(field);
    boolean fits = isNumber(value) && value.getAsDouble() >= 0 && value.getAsDouble() <= most;
    require(file, field, value, fits, "a number from 0 to %,.0f".formatted(most));
    return value.getAsDouble();
  }

  private static void require(
      Path file, String field, @Nullable JsonElement found, boolean fits, String expected) {
    if (!fits) {
      throw new IllegalArgumentException(
          "%s: field '%s' is %s; expected %s. Delete its folder to train this model again"
              .formatted(file, field, cut(String.valueOf(found)), expected));
    }
  }

  private static String cut(String text) {
    return text.length() > 60 ? text.substring(0, 60) + "…" : text;
  }

  /** Writes what makes a model finished, after its adapter. */
  void write(Finished finished) {
    PetMember member = finished.member();
    JsonArray rows = new JsonArray();
    for (double[] row : finished.logits()) {
      JsonArray values = new JsonArray();
      for (double value : row) {
        values.add(value);
      }
      rows.add(values);
    }
    Map<String, JsonElement> fields = new TreeMap<>();
    fields.put("pattern", new JsonPrimitive(member.pattern().toString()));
    fields.put("training_texts", new JsonPrimitive(member.trainingTexts()));
    fields.put("accuracy_before", new JsonPrimitive(member.accuracyBefore()));
    fields.put("accuracy_after", new JsonPrimitive(member.accuracyAfter()));
    fields.put("logits", rows);
    AtomicFiles.writeText(member.adapter().resolve("member.json"), JsonFile.sorted(fields));
  }
}
