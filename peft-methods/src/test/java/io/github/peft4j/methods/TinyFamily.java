package io.github.peft4j.methods;

import ai.djl.Device;
import ai.djl.ndarray.NDManager;
import com.google.gson.JsonArray;
import com.google.gson.JsonElement;
import com.google.gson.JsonObject;
import com.google.gson.JsonParser;
import io.github.peft4j.Peft;
import io.github.peft4j.PeftModel;
import io.github.peft4j.io.safetensors.SafetensorsWriter;
import io.github.peft4j.transformer.config.Task;
import io.github.peft4j.transformer.pass.LossTargets;
import io.github.peft4j.transformer.pass.ModelInput;
import java.io.IOException;
import java.io.InputStreamReader;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.Random;
import java.util.TreeMap;
import java.util.stream.LongStream;

/**
 * A model family's smallest model: a config and tensors as transformers saves them, see
 * make_families.py, filled with random numbers.
 *
 * @param tensors shapes by name
 */
record TinyFamily(String type, JsonObject config, JsonObject tensors) {

  private static final long[][] IDS = {{5, 6, 7, 8, 9}, {9, 4, 30, 5, 0}};
  private static final long[][] ANSWERS = {{7, 8, 2}, {12, 2, LossTargets.IGNORED}};
  private static final long[][] MASK = {{1, 1, 1, 1, 1}, {1, 1, 1, 1, 0}};

  /** All families that have such a model, by {@code model_type}. */
  static Map<String, TinyFamily> all() throws IOException {
    Map<String, TinyFamily> families = new TreeMap<>();
    try (InputStreamReader text =
        new InputStreamReader(
            Objects.requireNonNull(TinyFamily.class.getResourceAsStream("/families/families.json")),
            StandardCharsets.UTF_8)) {
      JsonObject json = JsonParser.parseReader(text).getAsJsonObject();
      for (String type : json.keySet()) {
        JsonObject made = json.getAsJsonObject(type);
        families.put(
            type,
            new TinyFamily(type, made.getAsJsonObject("config"), made.getAsJsonObject("tensors")));
      }
    }
    return families;
  }

  /** A Llama whose layers are some times as wide. */
  TinyFamily wider(int times) {
    JsonObject wide = config.deepCopy();
    for (String width : List.of("hidden_size", "intermediate_size", "head_dim")) {
      wide.addProperty(width, times * config.get(width).getAsInt());
    }
    int vocabulary = config.get("vocab_size").getAsInt();
    JsonObject shapes = new JsonObject();
    for (Map.Entry<String, JsonElement> tensor : tensors.entrySet()) {
      JsonArray shape = new JsonArray();
      for (JsonElement length : tensor.getValue().getAsJsonArray()) {
        shape.add(length.getAsInt() == vocabulary ? vocabulary : times * length.getAsInt());
      }
      shapes.add(tensor.getKey(), shape);
    }
    return new TinyFamily(type, wide, shapes);
  }

  /** A Llama of more layers. */
  TinyFamily deeper(int layers) {
    JsonObject deep = config.deepCopy();
    deep.addProperty("num_hidden_layers", layers);
    JsonObject shapes = tensors.deepCopy();
    for (Map.Entry<String, JsonElement> tensor : tensors.entrySet()) {
      for (int i = 2; i < layers && tensor.getKey().contains(".layers.1."); i++) {
        shapes.add(tensor.getKey().replace(".layers.1.", ".layers." + i + "."), tensor.getValue());
      }
    }
    return new TinyFamily(type, deep, shapes);
  }

  /** Writes the model's folder. */
  void write(Path folder) throws IOException {
    Files.writeString(folder.resolve("config.json"), config.toString());
    SafetensorsWriter writer = new SafetensorsWriter();
    Random random = new Random(3);
    for (Map.Entry<String, JsonElement> tensor : tensors.entrySet()) {
      long[] shape =
          tensor.getValue().getAsJsonArray().asList().stream()
              .mapToLong(JsonElement::getAsLong)
              .toArray();
      float[] values = new float[(int) LongStream.of(shape).reduce(1, (a, b) -> a * b)];
      boolean vector = shape.length == 1;
      double mean = vector && tensor.getKey().endsWith("weight") ? 1 : 0;
      for (int i = 0; i < values.length; i++) {
        values[i] = (float) (mean + (vector ? 0.2 : 0.4) * random.nextGaussian());
      }
      writer.add(tensor.getKey(), shape, values);
    }
    writer.write(folder.resolve("model.safetensors"));
  }

  static PeftModel load(Path folder) {
    return Peft.from(folder).device(Device.cpu()).load();
  }

  static ModelInput input(PeftModel model) {
    NDManager manager = model.base().manager();
    ModelInput input = ModelInput.of(manager, IDS, MASK);
    return model.base().task().type() == Task.Type.SEQ_2_SEQ_LM
        ? input.decoding(ModelInput.of(manager, model.base().shiftRight(ANSWERS), null).ids())
        : input;
  }

  static LossTargets targets(PeftModel model) {
    return switch (model.base().task().type()) {
      case SEQ_2_SEQ_LM -> new LossTargets.Tokens(ANSWERS);
      case SEQ_CLS -> new LossTargets.Classes(new long[] {0, 2});
      default ->
          new LossTargets.NextTokens(
              new long[][] {{5, 6, 7, 8, 9}, {9, 4, 30, 5, LossTargets.IGNORED}});
    };
  }
}
