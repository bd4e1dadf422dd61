package io.github.peft4j.adapter.files;

import ai.djl.ndarray.types.Shape;
import com.google.gson.JsonArray;
import com.google.gson.JsonObject;
import com.google.gson.JsonPrimitive;
import io.github.peft4j.adapter.Merger;
import io.github.peft4j.io.DType;
import io.github.peft4j.io.FileGroup;
import io.github.peft4j.io.JsonFile;
import io.github.peft4j.io.TensorInfo;
import io.github.peft4j.io.safetensors.SafetensorsWriter;
import io.github.peft4j.kernel.Precision;
import io.github.peft4j.kernel.Tensors;
import io.github.peft4j.transformer.TransformerModel;
import io.github.peft4j.transformer.config.Task;
import io.github.peft4j.tuner.site.ParameterSite;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.function.Supplier;
import java.util.regex.Pattern;
import java.util.stream.Stream;

/** Hugging Face's folder of a plain model. */
public final class ModelFiles {

  /** The names of the field of the tensors' data type in different releases of transformers. */
  private static final List<String> DTYPE = List.of("dtype", "torch_dtype");

  /** What transformers' save_pretrained removes from a folder too. */
  private static final Pattern SHARDS =
      Pattern.compile("model-\\d{5}-of-\\d{5}\\.safetensors|model\\.safetensors\\.index\\.json");

  private ModelFiles() {}

  /**
   * Writes config.json and model.safetensors and copies the companion files. Either all are written
   * or none.
   *
   * @param merger computes the weights, one by one while they are written
   * @param companions the tokenizer's files and others that a copy of the model needs
   */
  public static void write(
      TransformerModel model, Merger merger, CompanionFiles companions, Path folder) {
    SafetensorsWriter writer = new SafetensorsWriter().metadata("format", "pt");
    List<PartsOfTensor> open = new ArrayList<>();
    model
        .parameters()
        .forEach(parameter -> add(writer, parameter, model.precision(), merger, open));
    model
        .untied(merger::changes)
        .forEach(parameter -> add(writer, parameter, model.precision(), merger, open));
    try (FileGroup files = new FileGroup(folder)) {
      files.write("model.safetensors", writer.content());
      files.writeText("config.json", JsonFile.text(config(model, merger)));
      companions.copyTo(files);
      shards(folder).forEach(files::remove);
      files.commit();
    } finally {
      open.forEach(PartsOfTensor::close);
    }
  }

  /** Weights of a former model, which some readers would prefer to model.safetensors. */
  private static List<String> shards(Path folder) {
    if (!Files.isDirectory(folder)) {
      return List.of();
    }
    try (Stream<Path> files = Files.list(folder)) {
      return files
          .map(file -> file.getFileName().toString())
          .filter(name -> SHARDS.matcher(name).matches())
          .toList();
    } catch (IOException e) {
      throw new UncheckedIOException("cannot read " + folder, e);
    }
  }

  private static JsonObject config(TransformerModel model, Merger merger) {
    JsonObject config = model.config().json();
    String type = model.precision() == Precision.BFLOAT16 ? "bfloat16" : "float32";
    List<String> there =
        DTYPE.stream().filter(f -> config.has(f) && !config.get(f).isJsonNull()).toList();
    (there.isEmpty() ? DTYPE.subList(0, 1) : there).forEach(f -> config.addProperty(f, type));
    config.remove("auto_map"); // the code is neither run nor copied
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
      if (config.has("problem_type")) {
        config.addProperty("problem_type", Task.SINGLE_LABEL);
      }
    }
    JsonArray architectures = new JsonArray();
    architectures.add(model.architecture());
    config.add("architectures", architectures);
    return config;
  }

  /**
   * Adds a tensor, or its parts.
   *
   * @param open gets what has to be closed after the tensors are written
   */
  private static void add(
      SafetensorsWriter writer,
      ParameterSite parameter,
      Precision precision,
      Merger merger,
      List<PartsOfTensor> open) {
    if (parameter.parts().isEmpty()) {
      Supplier<float[]> values = () -> merger.read(parameter, Tensors::floats);
      add(writer, parameter.name(), parameter.shape(), precision, values);
      return;
    }
    PartsOfTensor tensor = new PartsOfTensor(parameter, merger);
    open.add(tensor);
    for (ParameterSite.Part part : parameter.parts()) {
      add(writer, part.name(), part.shape(), precision, () -> tensor.read(part));
    }
  }

  private static void add(
      SafetensorsWriter writer,
      String name,
      Shape shape,
      Precision precision,
      Supplier<float[]> read) {
    boolean half = precision == Precision.BFLOAT16;
    TensorInfo info = new TensorInfo(name, half ? DType.BF16 : DType.F32, shape.getShape());
    writer.add(
        info,
        sink -> {
          float[] values = read.get();
          int slice = 1 << 16;
          for (int at = 0; at < values.length; at += slice) {
            int end = Math.min(values.length, at + slice);
            sink.accept(half ? halves(values, at, end) : floats(values, at, end));
          }
        });
  }

  private static ByteBuffer floats(float[] values, int from, int to) {
    ByteBuffer bytes = ByteBuffer.allocate(4 * (to - from)).order(ByteOrder.LITTLE_ENDIAN);
    bytes.asFloatBuffer().put(values, from, to - from);
    return bytes;
  }

  private static ByteBuffer halves(float[] values, int from, int to) {
    ByteBuffer bytes = ByteBuffer.allocate(2 * (to - from)).order(ByteOrder.LITTLE_ENDIAN);
    for (int i = from; i < to; i++) {
      bytes.putShort((short) (Float.floatToRawIntBits(values[i]) >>> 16)); // exact: it was 16 bits
    }
    return bytes.flip();
  }
}
