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
    if (!Files.exists(file) || !hasModels()) {
      Map<String, JsonElement> fields = new TreeMap<>();
      settings.forEach((name, value) -> fields.put(name, new JsonPrimitive(value)));
      AtomicFiles.writeText(file, JsonFile.sorted(fields));
      return;
    }
    JsonObject there = JsonFile.read(file);
    settings.forEach(
        (name, value) -> {
          JsonElement old = there.get(name);
          if (old == null || !old.getAsString().equals(value)) {
            throw new IllegalArgumentException(
                "%s is of a run with %s %s, but this one has %s: take another folder"
                    .formatted(file, name, old == null ? "unknown" : old.getAsString(), value));
          }
        });
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

  /** A model that an earlier run finished. */
  Optional<Finished> read(String name, int generation, Pattern pattern) {
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
            json.get("training_texts").getAsInt(),
            json.get("accuracy_before").getAsDouble(),
            json.get("accuracy_after").getAsDouble(),
            of(name));
    JsonArray rows = json.getAsJsonArray("logits");
    double[][] logits = new double[rows.size()][];
    for (int i = 0; i < logits.length; i++) {
      logits[i] =
          rows.get(i).getAsJsonArray().asList().stream()
              .mapToDouble(JsonElement::getAsDouble)
              .toArray();
    }
    return Optional.of(new Finished(member, logits));
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
