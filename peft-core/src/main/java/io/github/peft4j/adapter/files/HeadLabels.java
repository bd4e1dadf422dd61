package io.github.peft4j.adapter.files;

import ai.djl.ndarray.NDArray;
import ai.djl.ndarray.types.Shape;
import com.google.gson.JsonElement;
import com.google.gson.JsonObject;
import io.github.peft4j.adapter.AdapterPart;
import io.github.peft4j.adapter.Provenance;
import io.github.peft4j.advice.AdvisedException;
import io.github.peft4j.advice.Remedy;
import io.github.peft4j.io.JsonFile;
import io.github.peft4j.kernel.Tensors;
import io.github.peft4j.transformer.TransformerModel;
import io.github.peft4j.transformer.config.ModelConfig;
import io.github.peft4j.tuner.Trainable;
import io.github.peft4j.tuner.TrainableCopy;
import io.github.peft4j.tuner.site.LinearSite;
import io.github.peft4j.tuner.site.LinearSite.Role;
import io.github.peft4j.tuner.site.Rewrite;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.HashSet;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.stream.IntStream;
import org.jspecify.annotations.Nullable;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * The classes of the classifier in an adapter's folder, by row, and the classes of the model that
 * it is loaded on.
 *
 * @param folder of the adapter
 * @param stored class names by row in the folder; empty if the folder has none
 * @param problemType what the classifier is for, see {@link Provenance#problemType}; null if
 *     unknown
 * @param model that the adapter is loaded on
 */
public record HeadLabels(
    Path folder, List<String> stored, @Nullable String problemType, TransformerModel model) {

  /** The file in which AdapterHub's library keeps a head's labels. */
  public static final String ADAPTER_HUB_HEAD = "head_config.json";

  private static final Logger LOG = LoggerFactory.getLogger(HeadLabels.class);

  /**
   * Reads the labels of a folder's classifier: from peft4j.json, which peft4j writes; from
   * AdapterHub's head_config.json; or from a config.json in the folder of a Hugging Face PEFT
   * adapter, whose own files have no labels.
   */
  public static HeadLabels of(Path folder, TransformerModel model) {
    if (model.task().labels().isEmpty()) {
      return new HeadLabels(folder, List.of(), null, model);
    }
    Optional<Provenance> provenance = Provenance.read(folder);
    List<String> labels = provenance.map(Provenance::labels).orElse(List.of());
    if (labels.isEmpty()) {
      labels = ofAdapterHub(folder.resolve(ADAPTER_HUB_HEAD));
    }
    if (labels.isEmpty() && Files.isRegularFile(folder.resolve("config.json"))) {
      ModelConfig config = ModelConfig.read(folder);
      labels = config.has("id2label") ? config.labels() : List.of();
    }
    String problem = provenance.map(Provenance::problemType).orElse(null);
    return new HeadLabels(folder, isNames(labels) ? labels : List.of(), problem, model);
  }

  private static List<String> ofAdapterHub(Path file) {
    if (!Files.isRegularFile(file)) {
      return List.of();
    }
    JsonObject json = JsonFile.read(file);
    JsonElement within = json.get("config");
    JsonObject head =
        within != null && within.isJsonObject() && within.getAsJsonObject().has("label2id")
            ? within.getAsJsonObject()
            : json;
    if (!(head.get("label2id") instanceof JsonObject numbers)) {
      return List.of();
    }
    String[] names = new String[numbers.size()];
    for (Map.Entry<String, JsonElement> label : numbers.entrySet()) {
      JsonElement id = label.getValue();
      int row = id.isJsonPrimitive() && id.getAsJsonPrimitive().isNumber() ? id.getAsInt() : -1;
      if (row < 0 || row >= names.length || names[row] != null) {
        throw new IllegalArgumentException(
            "%s: field 'label2id' is %s; expected an id of its own from 0 to %d for each label"
                .formatted(file, numbers, names.length - 1));
      }
      names[row] = label.getKey();
    }
    return List.of(names);
  }

  /** Whether labels are real names, not transformers' numbered ones: LABEL_0, LABEL_1, …. */
  private static boolean isNames(List<String> labels) {
    return !IntStream.range(0, labels.size()).allMatch(i -> labels.get(i).equals("LABEL_" + i));
  }

  /** The adapter's layers in the model's classifier. */
  private List<Rewrite> rewrites(AdapterPart adapter) {
    if (model.task().labels().isEmpty()) {
      return List.of();
    }
    List<Object> head = new ArrayList<>();
    model
        .sites()
        .filter(LinearSite.class::isInstance)
        .map(LinearSite.class::cast)
        .filter(site -> site.role() == Role.HEAD)
        .forEach(
            site -> {
              head.add(site);
              head.add(site.weight());
              site.bias().ifPresent(head::add);
            });
    return adapter.rewrites().stream().filter(rewrite -> head.contains(rewrite.site())).toList();
  }

  /**
   * Refuses a classifier whose classes differ from the model's, before its tensors are read.
   *
   * @param shapes of the tensors in the file, by the adapter's names
   * @throws IllegalArgumentException if the classes differ, or the rows are classes here and labels
   *     or numbers there; the message names both
   */
  public void require(AdapterPart adapter, Map<String, long[]> shapes) {
    if (rewrites(adapter).isEmpty()) {
      return;
    }
    String problem = model.task().problem().problemType();
    if (problemType != null && !problemType.equals(problem)) {
      throw new AdvisedException(
          "%s has a classifier for %s, but the model is loaded for %s"
              .formatted(folder, problemType, problem),
          Remedy.LOAD_FOR_TASK.with(
              "Load it with the adapter's task: Task.classification(labels), Task.multiLabel(labels) or Task.regression()"));
    }
    List<String> classes = model.task().labels();
    int rows = stored.isEmpty() ? rows(adapter, shapes) : stored.size();
    boolean others =
        !stored.isEmpty()
            && isNames(classes)
            && !new HashSet<>(stored).equals(new HashSet<>(classes));
    if (rows != classes.size() || others) {
      throw new AdvisedException(
          "%s has a classifier of %d classes%s, but the model's %d are %s"
              .formatted(
                  folder, rows, stored.isEmpty() ? "" : ", " + stored, classes.size(), classes),
          Remedy.LOAD_WITH_LABELS.with(
              "Load the model with the adapter's classes: Task.classification(%s)"
                  .formatted(stored.isEmpty() ? "their names in order" : quoted(stored)),
              stored));
    }
  }

  private static String quoted(List<String> labels) {
    return String.join(", ", labels.stream().map(label -> '"' + label + '"').toList());
  }

  private int rows(AdapterPart adapter, Map<String, long[]> shapes) {
    for (Rewrite rewrite : rewrites(adapter)) {
      if (rewrite.layer() instanceof TrainableCopy copy) {
        long[] shape = shapes.get(adapter.nameOf(copy.value()));
        if (shape != null && shape.length > 0) {
          return Math.toIntExact(shape[0]);
        }
      }
    }
    return model.task().labels().size();
  }

  /**
   * Reorders the rows of a classifier that has been read to the order of the model's classes.
   *
   * @throws IllegalArgumentException if a layer in the classifier has no rows for classes
   */
  public void align(AdapterPart adapter) {
    List<Rewrite> rewrites = rewrites(adapter);
    List<String> classes = model.task().labels();
    if (rewrites.isEmpty() || stored.equals(classes)) {
      return;
    }
    if (stored.isEmpty()) {
      if (isNames(classes) && !classes.equals(model.config().labels())) {
        LOG.warn(
            "{}: its files name no labels; its classes are taken to be {}, in this order",
            folder,
            classes);
      }
      return;
    }
    if (!isNames(classes) && !new HashSet<>(stored).equals(new HashSet<>(classes))) {
      LOG.warn(
          "{}: its classes are {}, which the model calls {}; load it with a task that names them",
          folder,
          stored,
          classes);
      return;
    }
    for (Rewrite rewrite : rewrites) {
      if (!(rewrite.layer() instanceof TrainableCopy)) {
        throw new AdvisedException(
            "%s: its classes are %s, the model's are %s, and the rows of %s at %s cannot be put in another order"
                .formatted(
                    folder,
                    stored,
                    classes,
                    rewrite.layer().getClass().getSimpleName(),
                    rewrite.site().name()),
            Remedy.LOAD_WITH_LABELS.with(
                "Load the model with Task.classification(%s)".formatted(quoted(stored)), stored));
      }
    }
    LOG.info("{}: its classes {} are put into the model's order, {}", folder, stored, classes);
    rewrites.forEach(rewrite -> permute(((TrainableCopy) rewrite.layer()).value(), classes));
  }

  private void permute(Trainable tensor, List<String> classes) {
    NDArray value = tensor.value();
    Shape shape = value.getShape();
    float[] before = Tensors.floats(value);
    float[] after = new float[before.length];
    int width = before.length / classes.size();
    for (int row = 0; row < classes.size(); row++) {
      int from = stored.indexOf(classes.get(row));
      System.arraycopy(before, from * width, after, row * width, width);
    }
    try (NDArray permuted = model.manager().create(after, shape)) {
      Tensors.copy(value, permuted);
    }
  }
}
