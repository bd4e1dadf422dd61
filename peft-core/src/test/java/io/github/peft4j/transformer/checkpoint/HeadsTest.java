package io.github.peft4j.transformer.checkpoint;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.within;

import ai.djl.Device;
import ai.djl.ndarray.NDArray;
import ai.djl.ndarray.NDManager;
import com.google.gson.JsonArray;
import com.google.gson.JsonElement;
import com.google.gson.JsonObject;
import com.google.gson.JsonParser;
import io.github.peft4j.kernel.Autograd;
import io.github.peft4j.kernel.Precision;
import io.github.peft4j.kernel.Scope;
import io.github.peft4j.kernel.Tensors;
import io.github.peft4j.transformer.ModelCall;
import io.github.peft4j.transformer.TransformerModel;
import io.github.peft4j.transformer.config.ModelConfig;
import io.github.peft4j.transformer.config.Task;
import io.github.peft4j.transformer.pass.LossTargets;
import io.github.peft4j.transformer.pass.ModelInput;
import io.github.peft4j.transformer.pass.Pass;
import io.github.peft4j.tuner.site.ParameterSite.Part;
import java.io.IOException;
import java.io.InputStream;
import java.io.InputStreamReader;
import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.List;
import java.util.Objects;
import java.util.Set;
import java.util.TreeSet;
import java.util.stream.Stream;
import org.junit.jupiter.api.DynamicTest;
import org.junit.jupiter.api.TestFactory;

/** Each head of each family computes what Hugging Face transformers computes: heads.json. */
class HeadsTest {

  @TestFactory
  List<DynamicTest> headsOfTransformers() throws IOException {
    List<DynamicTest> tests = new ArrayList<>();
    try (InputStream in = HeadsTest.class.getResourceAsStream("/heads/heads.json")) {
      for (JsonElement item :
          JsonParser.parseReader(
                  new InputStreamReader(Objects.requireNonNull(in), StandardCharsets.UTF_8))
              .getAsJsonArray()) {
        JsonObject head = item.getAsJsonObject();
        String name = head.get("name").getAsString();
        tests.add(DynamicTest.dynamicTest(name + " " + tests.size(), () -> check(name, head)));
      }
    }
    return tests;
  }

  private static void check(String name, JsonObject head) {
    ModelConfig config = ModelConfig.of(head.getAsJsonObject("config"), name);
    MadeTensors tensors = MadeTensors.of(head.getAsJsonObject("tensors"));
    try (TransformerModel model =
            Models.build(config, tensors, null, Device.cpu(), Precision.FLOAT32, 1);
        Scope scope = new Scope();
        ModelCall call = model.newCall();
        Pass pass = call.pass()) {
      assertThat(model.architecture()).isEqualTo(name);
      assertThat(storedNames(model)).isEqualTo(new TreeSet<>(tensors.names()));
      JsonObject given = head.getAsJsonObject("input");
      ModelInput input = input(model, given);
      NDArray logits = call.logits(input);
      assertThat(logits.getShape().getShape()).isEqualTo(longs(head.getAsJsonArray("shape")));
      float[] wanted = floats(head.getAsJsonArray("logits"));
      float[] actual = Tensors.floats(logits);
      if (name.startsWith("Deberta") && logits.getShape().dimension() == 3) {
        clearPadding(wanted, rows(given, "attention_mask"));
        clearPadding(actual, rows(given, "attention_mask"));
      }
      assertThat(actual).containsExactly(wanted, within(1e-4f));
      if (!head.get("loss").isJsonNull()) {
        LossTargets targets = targets(model.task(), given);
        NDArray hidden = model.hidden(input, pass);
        NDArray sum = Autograd.without(() -> model.head().loss(hidden, targets, pass));
        assertThat(Tensors.floats(sum)[0] / call.count(targets))
            .isCloseTo(head.get("loss").getAsFloat(), within(1e-4f));
      }
    }
  }

  /** DeBERTa's padding sees nothing, so that its states mean nothing; here it sees the tokens. */
  private static void clearPadding(float[] logits, long[][] mask) {
    int width = logits.length / (mask.length * mask[0].length);
    for (int i = 0; i < logits.length; i++) {
      int token = i / width;
      logits[i] *= mask[token / mask[0].length][token % mask[0].length];
    }
  }

  /** The names that a saved model has: transformers renames one of them while it loads. */
  private static Set<String> storedNames(TransformerModel model) {
    Set<String> names = new TreeSet<>();
    boolean bare = model.task().type() == Task.Type.FEATURE_EXTRACTION;
    int prefix = bare ? model.bodyPrefix().length() : 0;
    model
        .parameters()
        .flatMap(
            p -> p.parts().isEmpty() ? Stream.of(p.name()) : p.parts().stream().map(Part::name))
        .forEach(name -> names.add(name.substring(prefix)));
    if (model.architecture().equals("GPTNeoXForCausalLM") && names.remove("lm_head.weight")) {
      names.add("embed_out.weight");
    }
    return names;
  }

  private static ModelInput input(TransformerModel model, JsonObject given) {
    NDManager manager = model.manager();
    ModelInput input =
        ModelInput.of(manager, rows(given, "input_ids"), rows(given, "attention_mask"));
    return model.task().type() == Task.Type.SEQ_2_SEQ_LM
        ? input.decoding(ModelInput.array(manager, model.shiftRight(rows(given, "labels"))))
        : input;
  }

  private static LossTargets targets(Task task, JsonObject given) {
    if (task.problem() != Task.Problem.SINGLE_LABEL) {
      return new LossTargets.Values(
          given.getAsJsonArray("labels").asList().stream()
              .map(row -> row.isJsonArray() ? row.getAsJsonArray().asList() : List.of(row))
              .map(row -> row.stream().mapToDouble(JsonElement::getAsDouble).toArray())
              .toArray(double[][]::new));
    }
    return switch (task.type()) {
      case SEQ_CLS -> new LossTargets.Classes(longs(given.getAsJsonArray("labels")));
      case CAUSAL_LM -> new LossTargets.NextTokens(rows(given, "labels"));
      case TOKEN_CLS, SEQ_2_SEQ_LM, MASKED_LM -> new LossTargets.Tokens(rows(given, "labels"));
      case QUESTION_ANS ->
          new LossTargets.Spans(
              longs(given.getAsJsonArray("start_positions")),
              longs(given.getAsJsonArray("end_positions")),
              rows(given, "input_ids")[0].length);
      case FEATURE_EXTRACTION -> throw new IllegalArgumentException("no head, no loss");
    };
  }

  private static long[][] rows(JsonObject object, String field) {
    return object.getAsJsonArray(field).asList().stream()
        .map(row -> longs(row.getAsJsonArray()))
        .toArray(long[][]::new);
  }

  private static long[] longs(JsonArray numbers) {
    return numbers.asList().stream().mapToLong(JsonElement::getAsLong).toArray();
  }

  private static float[] floats(JsonArray numbers) {
    float[] values = new float[numbers.size()];
    for (int i = 0; i < values.length; i++) {
      values[i] = numbers.get(i).getAsFloat();
    }
    return values;
  }
}
