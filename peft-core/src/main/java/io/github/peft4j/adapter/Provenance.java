package io.github.peft4j.adapter;

import ai.djl.engine.Engine;
import com.google.gson.JsonArray;
import com.google.gson.JsonElement;
import com.google.gson.JsonObject;
import io.github.peft4j.io.JsonFile;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.DateTimeException;
import java.time.Instant;
import java.time.temporal.ChronoUnit;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.SortedMap;
import java.util.TreeMap;
import org.jspecify.annotations.Nullable;

/**
 * Where an adapter comes from. It is saved as {@value #FILE} next to Hugging Face PEFT's two files;
 * PEFT ignores it.
 *
 * @param baseModel the name of the frozen model
 * @param baseSha256 the fingerprint of its weights, see {@link io.github.peft4j.io.TensorHash};
 *     null if unknown, as after merging
 * @param trainings the adapter's trainings, in order; empty for an untrained adapter
 * @param labels names of the model's classes by id, which also name the rows of the adapter's
 *     classifier; empty if the model has no classes
 * @param problemType what a classifier of texts was trained for, by the values of {@code
 *     problem_type} in config.json: its rows are classes, labels or numbers. Null for other models,
 *     and in files of versions that did not say so
 * @param corrected see {@link Adapter#corrected}; null for none
 * @param versions the versions of peft4j, DJL, PyTorch and Java that saved it, by name
 * @param saved the time of saving
 */
public record Provenance(
    String baseModel,
    @Nullable String baseSha256,
    List<Training> trainings,
    List<String> labels,
    @Nullable String problemType,
    @Nullable String corrected,
    Map<String, String> versions,
    Instant saved) {

  /** The file's name. */
  public static final String FILE = "peft4j.json";

  private static final String PROBLEM_TYPE = "problem_type";
  private static final String CORRECTED = "corrected_quantization";

  /** Copies the collections. */
  public Provenance {
    trainings = List.copyOf(trainings);
    labels = List.copyOf(labels);
    versions = Map.copyOf(versions);
  }

  /**
   * One training.
   *
   * @param dataSha256 the hash of the examples, 64 hexadecimal digits, see {@link
   *     io.github.peft4j.data.Dataset#sha256}
   * @param seed of the shuffling and of dropout
   * @param settings all other settings that the losses depend on, by name
   * @param steps number of optimizer steps done when the tensors were saved
   * @param totalSteps number of steps of the whole training
   * @param loss the loss of the last step; NaN before the first
   * @param metrics of an evaluation after the last step; empty if there was none
   * @param started the start time
   * @param seconds the wall-clock time, including evaluations and steps that were repeated after an
   *     interruption
   */
  public record Training(
      String dataSha256,
      long seed,
      Map<String, String> settings,
      long steps,
      long totalSteps,
      double loss,
      Map<String, Double> metrics,
      Instant started,
      double seconds) {

    /** Copies the maps. */
    public Training {
      settings = Map.copyOf(settings);
      metrics = Map.copyOf(metrics);
    }

    private JsonObject json() {
      JsonObject json = new JsonObject();
      json.addProperty("data_sha256", dataSha256);
      json.addProperty("seed", seed);
      json.add("settings", JsonFile.sortedObject(settings));
      json.addProperty("steps", steps);
      json.addProperty("total_steps", totalSteps);
      if (Double.isFinite(loss)) {
        json.addProperty("loss", loss);
      }
      json.add("metrics", JsonFile.sortedObject(metrics));
      json.addProperty("started", started.toString());
      json.addProperty("seconds", seconds);
      return json;
    }

    private static Training of(JsonObject json) {
      Map<String, String> settings = new TreeMap<>();
      object(json, "settings").asMap().forEach((name, v) -> settings.put(name, v.getAsString()));
      Map<String, Double> metrics = new TreeMap<>();
      object(json, "metrics").asMap().forEach((name, v) -> metrics.put(name, v.getAsDouble()));
      return new Training(
          field(json, "data_sha256").getAsString(),
          field(json, "seed").getAsLong(),
          settings,
          field(json, "steps").getAsLong(),
          field(json, "total_steps").getAsLong(),
          json.has("loss") ? json.get("loss").getAsDouble() : Double.NaN,
          metrics,
          Instant.parse(field(json, "started").getAsString()),
          field(json, "seconds").getAsDouble());
    }
  }

  /** The provenance of an adapter saved now, with the running versions. */
  static Provenance now(
      String baseModel,
      @Nullable String baseSha256,
      Adapter adapter,
      List<String> labels,
      @Nullable String problemType) {
    Instant saved = Instant.now().truncatedTo(ChronoUnit.SECONDS);
    return new Provenance(
        baseModel,
        baseSha256,
        adapter.trainings(),
        labels,
        problemType,
        adapter.corrected(),
        runningVersions(),
        saved);
  }

  /** The versions of peft4j, DJL, PyTorch and Java that run now, by name. */
  public static SortedMap<String, String> runningVersions() {
    String own = Provenance.class.getPackage().getImplementationVersion();
    return new TreeMap<>(
        Map.of(
            "peft4j", own == null ? "unpackaged" : own,
            "djl", Engine.getDjlVersion(),
            "pytorch", Engine.getEngine("PyTorch").getVersion(),
            "java", Runtime.version().toString()));
  }

  /**
   * Reads an adapter folder's file.
   *
   * @return empty if the folder has no such file, as those that Hugging Face PEFT wrote
   * @throws IllegalArgumentException if the file is damaged; the message names the field
   */
  public static Optional<Provenance> read(Path folder) {
    Path file = folder.resolve(FILE);
    if (!Files.isRegularFile(file)) {
      return Optional.empty();
    }
    try {
      return Optional.of(of(JsonFile.read(file)));
    } catch (IllegalArgumentException
        | IllegalStateException
        | UnsupportedOperationException
        | ClassCastException
        | DateTimeException e) {
      throw new IllegalArgumentException(
          file
              + " is damaged: "
              + e.getMessage()
              + "; fetch the folder again, or delete this file to use the adapter without it",
          e);
    }
  }

  private static Provenance of(JsonObject json) {
    JsonObject base = object(json, "base_model");
    List<Training> trainings = new ArrayList<>();
    field(json, "trainings")
        .getAsJsonArray()
        .forEach(training -> trainings.add(Training.of(training.getAsJsonObject())));
    List<String> labels = new ArrayList<>();
    if (json.has("labels")) {
      json.getAsJsonArray("labels").forEach(label -> labels.add(label.getAsString()));
    }
    Map<String, String> versions = new TreeMap<>();
    object(json, "versions").asMap().forEach((name, v) -> versions.put(name, v.getAsString()));
    return new Provenance(
        field(base, "name").getAsString(),
        base.has("sha256") ? base.get("sha256").getAsString() : null,
        trainings,
        labels,
        json.has(PROBLEM_TYPE) ? json.get(PROBLEM_TYPE).getAsString() : null,
        json.has(CORRECTED) ? json.get(CORRECTED).getAsString() : null,
        versions,
        Instant.parse(field(json, "saved").getAsString()));
  }

  private static JsonObject object(JsonObject json, String field) {
    return field(json, field).getAsJsonObject();
  }

  private static JsonElement field(JsonObject json, String field) {
    JsonElement value = json.get(field);
    if (value == null) {
      throw new IllegalStateException("field '" + field + "' is missing");
    }
    return value;
  }

  /** The content of the file. */
  public String text() {
    JsonObject json = new JsonObject();
    JsonObject base = new JsonObject();
    base.addProperty("name", baseModel);
    if (baseSha256 != null) {
      base.addProperty("sha256", baseSha256);
    }
    json.add("base_model", base);
    JsonArray all = new JsonArray();
    trainings.forEach(training -> all.add(training.json()));
    json.add("trainings", all);
    if (!labels.isEmpty()) {
      JsonArray names = new JsonArray();
      labels.forEach(names::add);
      json.add("labels", names);
    }
    if (problemType != null) {
      json.addProperty(PROBLEM_TYPE, problemType);
    }
    if (corrected != null) {
      json.addProperty(CORRECTED, corrected);
    }
    json.add("versions", JsonFile.sortedObject(versions));
    json.addProperty("saved", saved.toString());
    return JsonFile.text(json) + "\n";
  }

  /**
   * A warning if the adapter was trained on other weights than a model's.
   *
   * @param sha256 the fingerprint of the model's weights, or null if unknown
   * @return the warning, or empty if the weights are the same or unknown
   */
  Optional<String> doubt(String model, @Nullable String sha256) {
    if (baseSha256 == null || sha256 == null || baseSha256.equals(sha256)) {
      return Optional.empty();
    }
    return Optional.of(
        "it was trained on "
            + baseModel
            + " with weights "
            + baseSha256
            + ", but this is "
            + model
            + " with weights "
            + sha256
            + ": its results on this model are untested; load it on the model that it was trained"
            + " on, unless this is intended");
  }
}
