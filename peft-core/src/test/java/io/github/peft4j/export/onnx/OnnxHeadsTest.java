package io.github.peft4j.export.onnx;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.assertj.core.api.Assertions.within;

import ai.djl.Device;
import ai.djl.ndarray.NDArray;
import ai.onnxruntime.OrtException;
import com.google.gson.JsonArray;
import com.google.gson.JsonElement;
import com.google.gson.JsonObject;
import com.google.gson.JsonParser;
import io.github.peft4j.Peft;
import io.github.peft4j.PeftModel;
import io.github.peft4j.kernel.Precision;
import io.github.peft4j.kernel.Tensors;
import io.github.peft4j.transformer.checkpoint.MadeTensors;
import io.github.peft4j.transformer.config.ModelConfig;
import io.github.peft4j.transformer.config.Task;
import io.github.peft4j.transformer.config.UnsupportedModelException;
import io.github.peft4j.transformer.pass.ModelInput;
import java.io.IOException;
import java.io.InputStream;
import java.io.InputStreamReader;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.Optional;
import java.util.Random;
import org.junit.jupiter.api.DynamicTest;
import org.junit.jupiter.api.TestFactory;
import org.junit.jupiter.api.io.TempDir;

/**
 * ONNX Runtime computes with each written head of each family what Hugging Face transformers
 * computes, heads.json, and what peft4j computes with texts of other lengths.
 */
class OnnxHeadsTest {

  /** What is not written, by the beginning of the class's name. */
  private static final Map<String, String> REFUSED =
      Map.of(
          "Mixtral", "experts",
          "Qwen3Moe", "experts");

  @TempDir private Path folder;

  @TestFactory
  List<DynamicTest> heads() throws IOException {
    List<DynamicTest> tests = new ArrayList<>();
    for (JsonElement item : all()) {
      JsonObject head = item.getAsJsonObject();
      String name = head.get("name").getAsString();
      int number = tests.size();
      tests.add(DynamicTest.dynamicTest(name + " " + number, () -> check(name, head, number)));
    }
    return tests;
  }

  private static JsonArray all() throws IOException {
    try (InputStream in = OnnxHeadsTest.class.getResourceAsStream("/heads/heads.json")) {
      return JsonParser.parseReader(
              new InputStreamReader(Objects.requireNonNull(in), StandardCharsets.UTF_8))
          .getAsJsonArray();
    }
  }

  /** Fields that no head of the file sets. */
  @TestFactory
  List<DynamicTest> otherSettings() throws IOException {
    Map<String, String> changes =
        Map.of(
            "GraniteModel",
            "{\"residual_multiplier\": 0.3, \"embedding_multiplier\": 3.0}",
            "BloomModel",
            "{\"apply_residual_connection_post_layernorm\": true}",
            "FalconModel",
            "{\"alibi\": true, \"parallel_attn\": true, \"new_decoder_architecture\": false}",
            "MistralModel",
            "{\"sliding_window\": 3}",
            "LlamaModel",
            "{\"rope_parameters\": {\"rope_type\": \"yarn\", \"factor\": 4.0, \"rope_theta\":"
                + " 100.0, \"original_max_position_embeddings\": 8}}");
    List<DynamicTest> tests = new ArrayList<>();
    for (JsonElement item : all()) {
      JsonObject head = item.getAsJsonObject();
      String name = head.get("name").getAsString();
      if (changes.containsKey(name)) {
        JsonObject config = head.getAsJsonObject("config");
        JsonParser.parseString(Objects.requireNonNull(changes.get(name)))
            .getAsJsonObject()
            .entrySet()
            .forEach(field -> config.add(field.getKey(), field.getValue()));
        tests.add(DynamicTest.dynamicTest(name, () -> compare(name, head)));
      }
    }
    assertThat(tests).hasSizeGreaterThanOrEqualTo(changes.size());
    return tests;
  }

  private void compare(String name, JsonObject head) throws OrtException {
    Path target = folder.resolve(name);
    try (PeftModel model = load(name, head)) {
      model.saveOnnx(target);
      try (OnnxSession session = new OnnxSession(target.resolve("model.onnx"))) {
        likePeft4j(model, session, 300);
      }
    }
  }

  private static PeftModel load(String name, JsonObject head) {
    ModelConfig config = ModelConfig.of(head.getAsJsonObject("config"), name);
    MadeTensors tensors = MadeTensors.of(head.getAsJsonObject("tensors"));
    return Peft.from(config, () -> tensors, () -> null, name)
        .device(Device.cpu())
        .precision(Precision.FLOAT32)
        .load();
  }

  private static Optional<String> refusal(String name, Task.Type task) {
    return task.writes()
        ? Optional.of("generates texts")
        : REFUSED.entrySet().stream()
            .filter(refused -> name.startsWith(refused.getKey()))
            .map(Map.Entry::getValue)
            .findFirst();
  }

  private void check(String name, JsonObject head, int number) throws OrtException {
    Path target = folder.resolve(number + "");
    try (PeftModel model = load(name, head)) {
      Optional<String> refusal = refusal(name, model.base().task().type());
      if (refusal.isPresent()) {
        assertThatThrownBy(() -> model.saveOnnx(target))
            .isInstanceOf(UnsupportedModelException.class)
            .hasMessageContaining(name)
            .hasMessageContaining(refusal.get());
        assertThat(target).doesNotExist();
        return;
      }
      model.saveOnnx(target);
      assertThat(target.resolve("config.json")).exists();
      try (OnnxSession session = new OnnxSession(target.resolve("model.onnx"))) {
        JsonObject given = head.getAsJsonObject("input");
        long[][] ids = rows(given, "input_ids");
        long[][] mask = rows(given, "attention_mask");
        float[] wanted = floats(head.getAsJsonArray("logits"));
        float[] actual = logits(session.run(ids, mask, null));
        if (name.startsWith("Deberta") && head.getAsJsonArray("shape").size() == 3) {
          clearPadding(wanted, mask); // which sees nothing in transformers
          clearPadding(actual, mask);
        }
        assertThat(actual).containsExactly(wanted, within(1e-4f));
        likePeft4j(model, session, 40);
      }
    }
  }

  /** Texts of other lengths than those of the file, and other numbers of them. */
  private static void likePeft4j(PeftModel model, OnnxSession session, long most)
      throws OrtException {
    int longest = (int) Math.min(most, model.base().maxPositions());
    Random random = new Random(7);
    for (int[] lengths : new int[][] {{2}, {longest, 1, longest / 2}}) {
      int width = lengths[0];
      long[][] ids = new long[lengths.length][width];
      long[][] mask = new long[lengths.length][width];
      long padding = model.base().padId(0);
      for (int row = 0; row < ids.length; row++) {
        for (int i = 0; i < width; i++) {
          mask[row][i] = i < lengths[row] ? 1 : 0;
          long id = 2L + random.nextInt(model.base().config().size("vocab_size") - 2);
          ids[row][i] = i < lengths[row] ? (id == padding ? id - 1 : id) : padding;
        }
      }
      try (NDArray ours = model.logits(ModelInput.of(model.base().manager(), ids, mask))) {
        assertThat(logits(session.run(ids, mask, null)))
            .containsExactly(Tensors.floats(ours), within(1e-4f));
      }
    }
  }

  /** The logits as transformers has them: of an answer, starts and ends by turns. */
  private static float[] logits(Map<String, float[]> outputs) {
    float[] starts = outputs.get("start_logits");
    if (starts == null) {
      String name = outputs.containsKey("logits") ? "logits" : "last_hidden_state";
      return Objects.requireNonNull(outputs.get(name));
    }
    float[] ends = Objects.requireNonNull(outputs.get("end_logits"));
    float[] both = new float[2 * starts.length];
    for (int i = 0; i < starts.length; i++) {
      both[2 * i] = starts[i];
      both[2 * i + 1] = ends[i];
    }
    return both;
  }

  private static void clearPadding(float[] logits, long[][] mask) {
    int width = logits.length / (mask.length * mask[0].length);
    for (int i = 0; i < logits.length; i++) {
      int token = i / width;
      logits[i] *= mask[token / mask[0].length][token % mask[0].length];
    }
  }

  private static long[][] rows(JsonObject object, String field) {
    return object.getAsJsonArray(field).asList().stream()
        .map(
            row ->
                row.getAsJsonArray().asList().stream().mapToLong(JsonElement::getAsLong).toArray())
        .toArray(long[][]::new);
  }

  private static float[] floats(JsonArray numbers) {
    float[] values = new float[numbers.size()];
    for (int i = 0; i < values.length; i++) {
      values[i] = numbers.get(i).getAsFloat();
    }
    return values;
  }
}
