package io.github.peft4j.adapter.files;

import ai.djl.ndarray.types.Shape;
import com.google.gson.JsonArray;
import com.google.gson.JsonObject;
import com.google.gson.JsonPrimitive;
import io.github.peft4j.adapter.Merger;
import io.github.peft4j.gguf.GgufPooling;
import io.github.peft4j.gguf.GgufWeights;
import io.github.peft4j.io.FileGroup;
import io.github.peft4j.io.JsonFile;
import io.github.peft4j.io.TensorInfo;
import io.github.peft4j.io.TensorSource;
import io.github.peft4j.io.gguf.GgufMetadata;
import io.github.peft4j.io.gguf.GgufType;
import io.github.peft4j.io.safetensors.ShardedWriter;
import io.github.peft4j.io.safetensors.SparseWriter;
import io.github.peft4j.io.safetensors.WeightsWriter;
import io.github.peft4j.io.weights.ModelWeights;
import io.github.peft4j.kernel.Precision;
import io.github.peft4j.kernel.TensorBytes;
import io.github.peft4j.transformer.TransformerModel;
import io.github.peft4j.transformer.config.ModelConfig;
import io.github.peft4j.transformer.config.Task;
import io.github.peft4j.transformer.config.UnsupportedModelException;
import io.github.peft4j.tuner.site.ParameterSite;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.Set;
import java.util.function.BiConsumer;
import java.util.function.Predicate;
import java.util.stream.Stream;
import org.jspecify.annotations.Nullable;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/** Hugging Face's folder of a plain model. */
public final class ModelFiles {

  private static final Logger LOG = LoggerFactory.getLogger(ModelFiles.class);

  /** The names of the field of the tensors' data type in different releases of transformers. */
  private static final List<String> DTYPE = List.of("dtype", "torch_dtype");

  private ModelFiles() {}

  /**
   * Writes config.json, the weights and the companion files. Either all are written or none.
   * Weights of an earlier model in the folder are removed.
   *
   * @param merger computes the weights, one by one while they are written
   * @param companions the tokenizer's files and others that a copy of the model needs
   * @param largest the limit of a file of weights in bytes
   */
  public static void write(
      TransformerModel model, Merger merger, CompanionFiles companions, Path folder, long largest) {
    write(model, merger, companions, folder, sharded(largest));
  }

  /**
   * The same of a model without adapters. Weights that are kept in a format of bitsandbytes are
   * written so.
   */
  public static void writeBase(
      TransformerModel model, Merger merger, CompanionFiles companions, Path folder, long largest) {
    write(
        model,
        merger,
        companions,
        folder,
        sharded(largest),
        BitsandbytesFiles.of(model).orElse(null));
  }

  private static ShardedWriter sharded(long largest) {
    return new ShardedWriter(Map.of("format", "pt"), largest);
  }

  /** The same without weights that are zero, see {@link SparseWriter}. */
  public static void writeSparse(
      TransformerModel model, Merger merger, CompanionFiles companions, Path folder) {
    write(model, merger, companions, folder, new SparseWriter());
  }

  /**
   * Writes a model by a writer of weights, see {@link #write(TransformerModel, Merger,
   * CompanionFiles, Path, long)}.
   */
  public static void write(
      TransformerModel model,
      Merger merger,
      CompanionFiles companions,
      Path folder,
      WeightsWriter writer) {
    write(model, merger, companions, folder, writer, null);
  }

  private static void write(
      TransformerModel model,
      Merger merger,
      CompanionFiles companions,
      Path folder,
      WeightsWriter writer,
      @Nullable BitsandbytesFiles quantized) {
    if (quantized == null) {
      sayWhatBecomesPlain(model, folder);
    }
    List<PartsOfTensor> open = new ArrayList<>();
    addAll(writer, model, merger, open, p -> quantized == null || !quantized.add(writer, p));
    Path origin = model.others().isEmpty() ? null : companions.folder();
    try (TensorSource others = origin == null ? null : ModelWeights.open(origin);
        FileGroup files = new FileGroup(folder)) {
      if (others != null) {
        addOthers(writer, others, model.others());
      }
      Set<String> written = writer.writeTo(files);
      JsonObject config = config(model, merger);
      if (quantized != null) {
        config.add("quantization_config", quantized.config());
      }
      files.writeText("config.json", JsonFile.text(config));
      companions.copyTo(files);
      earlier(folder, writer).filter(name -> !written.contains(name)).forEach(files::remove);
      files.commit();
    } finally {
      open.forEach(PartsOfTensor::close);
    }
  }

  /**
   * Writes a model into one GGUF file, with what llama.cpp takes of its config.
   *
   * @param pooling how an encoder's states become vectors of texts
   * @param tokenizer adds the keys of the tokenizer for a config
   * @param name of the model, for people
   * @throws UnsupportedModelException if GGUF has no such model
   */
  public static void writeGguf(
      TransformerModel model,
      Merger merger,
      BiConsumer<ModelConfig, GgufMetadata.Builder> tokenizer,
      String name,
      GgufPooling pooling,
      Path file,
      GgufType type) {
    Path whole = file.toAbsolutePath();
    Task.Type task = model.task().type();
    Task.Type expected = GgufWeights.task(model.config());
    if (task != expected || !model.others().isEmpty()) {
      throw new UnsupportedModelException(
          new IllegalArgumentException(
              "%s cannot be a GGUF file: %s; expected a model of texts for %s"
                  .formatted(
                      model.config().source(),
                      task == expected
                          ? "it is a part of a model with " + model.others()
                          : "it is for " + task,
                      expected)));
    }
    ModelConfig config = ModelConfig.of(config(model, merger), model.config().source());
    GgufWeights writer =
        new GgufWeights(
            FileGroup.name(whole),
            config,
            model.config().generation(),
            name,
            type,
            pooling,
            metadata -> tokenizer.accept(config, metadata));
    sayWhatBecomesPlain(model, file);
    List<PartsOfTensor> open = new ArrayList<>();
    addAll(writer, model, merger, open, parameter -> true);
    try (FileGroup files = FileGroup.beside(whole)) {
      writer.writeTo(files);
      files.commit();
    } finally {
      open.forEach(PartsOfTensor::close);
    }
  }

  /**
   * Adds the tensors of a model under their names.
   *
   * @param open gets what has to be closed after the tensors are written
   * @param plain which of them are written as plain numbers
   */
  private static void addAll(
      WeightsWriter writer,
      TransformerModel model,
      Merger merger,
      List<PartsOfTensor> open,
      Predicate<ParameterSite> plain) {
    Stream.concat(model.parameters(), model.untied(merger::changes))
        .filter(plain)
        .forEach(parameter -> add(writer, parameter, model.precision(), merger, open));
    if (model.untied(merger::changes).findAny().isPresent()) {
      model
          .secondNames()
          .forEach((name, parameter) -> add(writer, name, parameter, model.precision(), merger));
    }
  }

  private static void sayWhatBecomesPlain(TransformerModel model, Path target) {
    long rounded = model.parameters().filter(ParameterSite::isQuantized).count();
    if (rounded > 0) {
      LOG.info(
          "{}: {} weights are kept in fewer bits: their rounded values are saved", target, rounded);
    }
  }

  private static Stream<String> earlier(Path folder, WeightsWriter writer) {
    if (!Files.isDirectory(folder)) {
      return Stream.of();
    }
    try (Stream<Path> files = Files.list(folder)) {
      return files
          .map(file -> file.getFileName().toString())
          .filter(writer::replaces)
          .toList()
          .stream();
    } catch (IOException e) {
      throw new UncheckedIOException("cannot read " + folder, e);
    }
  }

  private static JsonObject config(TransformerModel model, Merger merger) {
    JsonObject config = model.config().json();
    String type = model.precision().name().toLowerCase(Locale.ROOT);
    List<String> there =
        DTYPE.stream().filter(f -> config.has(f) && !config.get(f).isJsonNull()).toList();
    (there.isEmpty() ? DTYPE.subList(0, 1) : there).forEach(f -> config.addProperty(f, type));
    config.remove("auto_map"); // the code is neither run nor copied
    config.remove("quantization_config"); // weights are plain numbers from here on
    if (model.untied(merger::changes).findAny().isPresent()) {
      config.addProperty("tie_word_embeddings", false);
    }
    Task task = model.task();
    if (!task.labels().isEmpty()) {
      JsonObject names = new JsonObject();
      JsonObject ids = new JsonObject();
      for (int i = 0; i < task.labels().size(); i++) {
        names.addProperty(String.valueOf(i), task.labels().get(i));
        ids.add(task.labels().get(i), new JsonPrimitive(i));
      }
      config.add("id2label", names);
      config.add("label2id", ids);
      for (String count : List.of("num_labels", "_num_labels")) {
        if (config.has(count)) {
          config.addProperty(count, task.labels().size());
        }
      }
      if (config.has("problem_type") || task.problem() != Task.Problem.SINGLE_LABEL) {
        config.addProperty("problem_type", task.problem().problemType());
      }
    }
    JsonArray architectures = new JsonArray();
    architectures.add(model.architecture());
    config.add("architectures", architectures);
    return config;
  }

  /** Tensors of other parts of the model, as they are. */
  private static void addOthers(WeightsWriter writer, TensorSource source, List<String> prefixes) {
    for (String name : source.names()) {
      if (prefixes.stream().anyMatch(name::startsWith)) {
        writer.add(source.info(name), sink -> source.read(name, sink));
      }
    }
  }

  /**
   * Adds a tensor, or its parts.
   *
   * @param open gets what has to be closed after the tensors are written
   */
  private static void add(
      WeightsWriter writer,
      ParameterSite parameter,
      Precision precision,
      Merger merger,
      List<PartsOfTensor> open) {
    if (parameter.parts().isEmpty()) {
      add(writer, parameter.name(), parameter, precision, merger);
      return;
    }
    PartsOfTensor tensor = new PartsOfTensor(parameter, merger);
    open.add(tensor);
    for (ParameterSite.Part part : parameter.parts()) {
      writer.add(
          info(part.name(), part.shape(), precision),
          sink -> tensor.read(part, values -> TensorBytes.read(values, precision, sink)));
    }
  }

  /** Adds a whole tensor under a name. */
  private static void add(
      WeightsWriter writer,
      String name,
      ParameterSite parameter,
      Precision precision,
      Merger merger) {
    writer.add(
        info(name, parameter.shape(), precision),
        sink ->
            merger.read(
                parameter,
                weight -> {
                  TensorBytes.read(weight, precision, sink);
                  return parameter;
                }));
  }

  private static TensorInfo info(String name, Shape shape, Precision precision) {
    return new TensorInfo(name, TensorBytes.type(precision), shape.getShape());
  }
}
