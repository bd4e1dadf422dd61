package io.github.peft4j.methods.adapter;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatCode;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import ai.djl.ndarray.NDList;
import ai.djl.ndarray.NDManager;
import ai.djl.ndarray.types.Shape;
import ai.djl.training.ParameterStore;
import io.github.peft4j.Peft;
import io.github.peft4j.PeftModel;
import io.github.peft4j.data.Dataset;
import io.github.peft4j.data.batch.EncodedExample;
import io.github.peft4j.data.batch.IdsExample;
import io.github.peft4j.generate.GenerationConfig;
import io.github.peft4j.methods.lora.LoraConfig;
import io.github.peft4j.methods.prefixtuning.PrefixTuningConfig;
import io.github.peft4j.methods.prompttuning.PromptTuningConfig;
import io.github.peft4j.train.FineTuner;
import io.github.peft4j.train.step.Activations;
import io.github.peft4j.train.step.Backpropagation;
import io.github.peft4j.transformer.Decoding;
import io.github.peft4j.transformer.ModelCall;
import io.github.peft4j.transformer.config.Task;
import io.github.peft4j.transformer.pass.LossTargets;
import io.github.peft4j.transformer.pass.ModelInput;
import io.github.peft4j.transformer.pass.Pass;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import org.assertj.core.api.ThrowableAssert.ThrowingCallable;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;

/** What would end in PyTorch, or end the JVM, is refused before, by name. */
class HostileInputTest {

  @TempDir Path temporary;

  private static PeftModel llama() {
    return Peft.load(TinyModels.golden("tiny-llama").toString());
  }

  @ParameterizedTest
  @CsvSource({
    "tiny-llama, hidden_act, '\"abc\"', abc",
    "tiny-llama, rms_norm_eps, -1, above 0",
    "tiny-llama, rms_norm_eps, 1e999, finite",
    "tiny-llama, num_key_value_heads, 0, above 0",
    "tiny-llama, num_key_value_heads, 3, divisor",
    "tiny-llama, head_dim, 2147483647, at most",
    "tiny-llama, rope_parameters, '\"yarn\"', object",
    "tiny-bert, hidden_dropout_prob, 1, probability",
    "tiny-bert, position_embedding_type, '\"relative_key\"', absolute",
    "tiny-bert, id2label, '{\"a\": \"b\"}', id",
    "tiny-bert, id2label, '{\"0\": null}', id",
    "tiny-bert, id2label, {}, at least one id",
    "tiny-t5, relative_attention_max_distance, -1, more than",
    "tiny-t5, relative_attention_num_buckets, 0, 4 or more",
  })
  void settingsOfAModelThatMakeNoSense(String model, String field, String value, String expected)
      throws IOException {
    Path folder = TinyModels.copy(model, temporary.resolve("model"));
    Path config = folder.resolve("config.json");
    String text = Files.readString(config).replace("\"" + field + "\"", "\"former_" + field + "\"");
    Files.writeString(config, text.replaceFirst("\\{", "{\"" + field + "\": " + value + ","));
    assertThatThrownBy(() -> Peft.load(folder.toString()))
        .isInstanceOf(IllegalArgumentException.class)
        .hasMessageContainingAll(config.toString(), "'" + field + "'", expected);
  }

  @ParameterizedTest
  @CsvSource({
    "num_hidden_layers, 2147483647, at most",
    "num_hidden_layers, 16384, weights do not fit",
    "vocab_size, 2147483647, weights do not fit",
    "intermediate_size, 1000000, weights do not fit"
  })
  void sizesThatNoFileHas(String field, String value, String expected) throws IOException {
    Path folder = TinyModels.copy("tiny-llama", temporary.resolve("model"));
    Path config = folder.resolve("config.json");
    String text = Files.readString(config).replaceAll("(\"" + field + "\": )\\d+", "$1" + value);
    Files.writeString(config, text);
    assertThatThrownBy(() -> Peft.load(folder.toString()))
        .isInstanceOf(IllegalArgumentException.class)
        .hasMessageContainingAll(config.toString(), expected);
  }

  private static void assertRefused(ModelInputOf input, String... parts) {
    try (PeftModel model = llama()) {
      assertThatThrownBy(() -> model.logits(input.of(model.base().manager())))
          .isInstanceOf(IllegalArgumentException.class)
          .hasMessageContainingAll(parts);
    }
  }

  private interface ModelInputOf {
    ModelInput of(NDManager manager);
  }

  @Test
  void idsThatNoModelReads() {
    assertRefused(m -> ModelInput.of(m, new long[][] {{5, -1}}, null), "ids hold -1");
    assertRefused(m -> ModelInput.of(m, new long[][] {{5, 1L << 40}}, null), "vocab_size");
    assertRefused(m -> ModelInput.of(m, new long[][] {}, null), "[]");
    assertRefused(m -> ModelInput.of(m, new long[][] {{}}, null), "[0]");
    assertRefused(m -> ModelInput.of(m, new long[][] {{1}, {2, 3}}, null), "[1, 2]");
    assertRefused(
        m -> ModelInput.of(m, new long[][] {{1, 2}}, new long[][] {{0}}), "mask", "(1, 1)");
    assertRefused(m -> ModelInput.of(m.create(new long[] {1, 2})), "(B, T)");
    assertRefused(m -> ModelInput.of(m.create(new float[2], new Shape(1, 2))), "float32");
    assertRefused(
        m ->
            ModelInput.of(m, new long[][] {{1, 2}}, null)
                .withTypes(m.create(new long[1], new Shape(1, 1))),
        "types");
    assertRefused(
        m ->
            ModelInput.of(m, new long[][] {{1, 2}}, null)
                .decoding(m.create(new long[2], new Shape(2, 1))),
        "decoderIds");
  }

  /** Both arrays of Java, whose ids the host knows, and arrays that only the device knows. */
  @ParameterizedTest
  @ValueSource(booleans = {false, true})
  void eachWayIntoAModelNamesAnIdThatItDoesNotKnow(boolean onDevice) {
    String[] expected = {"ids hold 9999 in row 1, column 0", "vocab_size of 40", "0 to 39"};
    try (PeftModel model = llama().adapt(LoraConfig.ofRank(2));
        ModelCall call = model.newCall();
        Pass pass = call.pass();
        Backpropagation training = new Backpropagation(model, Activations.KEPT)) {
      NDManager manager = model.base().manager();
      long[][] ids = {{3, 4}, {9999, 5}};
      ModelInput host = ModelInput.of(manager, ids, null);
      ModelInput input = onDevice ? ModelInput.of(host.ids()) : host;
      NDList inputs = new NDList(input.ids());
      ParameterStore store = new ParameterStore(manager, false);
      refuses(() -> model.logits(input), expected);
      refuses(() -> model.base().hidden(input, pass), expected);
      refuses(() -> model.base().nextLogits(input, pass), expected);
      refuses(() -> model.base().forward(store, inputs, false), expected);
      refuses(
          () -> training.run(input, new LossTargets.NextTokens(new long[2][2]), 1, 0), expected);
    }
  }

  @Test
  void generationNamesAnIdThatTheModelDoesNotKnow() {
    try (PeftModel model = llama();
        ModelCall call = model.newCall()) {
      refuses(
          () -> call.decode(List.of(new long[] {3}, new long[] {4, 40}), 0),
          "prompts hold 40 in row 1, column 1",
          "vocab_size of 40");
      refuses(() -> call.decode(List.of(new long[] {3}), -1), "padId hold -1");
      try (Decoding texts = call.decode(List.of(new long[] {3}, new long[] {4}), 0)) {
        texts.logits().close();
        boolean[] open = {false, true};
        refuses(() -> texts.append(new long[] {5, 40}, open), "tokens hold 40 in row 1");
        texts.append(new long[] {40, 5}, open); // that of a text that has ended is not read
        texts.logits().close();
      }
    }
  }

  @Test
  void anEncoderDecoderNamesWhichIdsItDoesNotKnow() {
    try (PeftModel model = Peft.load(TinyModels.golden("tiny-t5").toString())) {
      NDManager manager = model.base().manager();
      ModelInput read = ModelInput.of(manager, new long[][] {{3, 4}}, null);
      long[][] written = {{0, 9999}};
      refuses(
          () -> model.logits(read.decoding(manager, written)),
          "decoderIds hold 9999 in row 0, column 1");
      refuses(
          () -> model.logits(read.decoding(ModelInput.array(manager, written))),
          "decoderIds hold 9999 in row 0, column 1");
    }
    try (PeftModel model = Peft.load(TinyModels.golden("tiny-bert").toString())) {
      NDManager manager = model.base().manager();
      ModelInput read = ModelInput.of(manager, new long[][] {{3, 4}}, null);
      refuses(
          () -> model.logits(read.withTypes(manager, new long[][] {{0, 2}})),
          "types hold 2 in row 0, column 1",
          "type_vocab_size of 2");
    }
  }

  @Test
  void aTrainingNamesIdsAndLabelsThatTheModelDoesNotKnow() {
    Path folder = TinyModels.copy("tiny-llama", temporary.resolve("model"));
    try (PeftModel model = Peft.load(folder.toString()).adapt(LoraConfig.ofRank(2))) {
      refuses(
          () -> train(model, new long[] {3, 4, 5}, new long[] {3, 4, 40}),
          "label 40 in row 0, column 2",
          "40 classes, 0 to 39",
          "its own tokenizer");
      refuses(
          () -> train(model, new long[] {3, 40, 5}, new long[] {3, 4, 5}),
          "ids hold 40 in row 0, column 1");
    }
  }

  private static void train(PeftModel model, long[] ids, long[] labels) {
    FineTuner.of(model)
        .on(new Dataset<>(List.of(new IdsExample(EncodedExample.ofTokens(ids, labels)))))
        .steps(1)
        .quiet()
        .run();
  }

  private static void refuses(ThrowingCallable call, String... parts) {
    assertThatThrownBy(call)
        .isInstanceOf(IllegalArgumentException.class)
        .hasMessageContainingAll(parts);
  }

  @Test
  @SuppressWarnings("NullAway") // what callers without a checker do
  void textsThatAreNone() {
    Path folder = TinyModels.copy("tiny-llama", temporary.resolve("model"));
    try (PeftModel model = Peft.load(folder.toString())) {
      assertThatThrownBy(() -> model.generate((String) null)).hasMessageContaining("text is null");
      assertThatThrownBy(() -> model.tokenizer().encode("w3", (String) null))
          .hasMessageContaining("text is null");
      assertThatThrownBy(() -> model.tokenizer().decode(null)).hasMessageContaining("ids are null");
      assertThatThrownBy(() -> model.tokenizer().decode(new long[] {3, -100}))
          .hasMessageContaining("-100");
    }
  }

  @Test
  void aClosedModelSaysSo() {
    PeftModel model = llama().adapt(LoraConfig.ofRank(2));
    ModelInput input = ModelInput.of(model.base().manager(), new long[][] {{3, 4}}, null);
    model.close();
    assertThatThrownBy(() -> model.logits(input)).hasMessageContaining("model is closed");
    assertThatThrownBy(model::status).hasMessageContaining("model is closed");
    assertThatThrownBy(() -> model.generate("w3")).hasMessageContaining("model is closed");
    assertThatThrownBy(() -> model.classify("w3")).hasMessageContaining("model is closed");
    assertThatThrownBy(model::merge).hasMessageContaining("model is closed");
    assertThatThrownBy(() -> model.save(temporary.toString()))
        .hasMessageContaining("model is closed");
    assertThatThrownBy(() -> model.adapt("other", LoraConfig.ofRank(2)))
        .hasMessageContaining("model is closed");
    assertThatCode(model::close).doesNotThrowAnyException();
  }

  @Test
  void virtualTokensTakePositionsFromTexts() {
    Path folder = TinyModels.copy("tiny-bert", temporary.resolve("model"));
    String text = "w5 ".repeat(500);
    try (PeftModel model = Peft.load(folder.toString())) {
      long positions = model.base().maxPositions();
      model.adapt("prompt", PromptTuningConfig.ofVirtualTokens(3));
      assertThat(room(model)).isEqualTo(positions - 3);
      assertThat(model.classify(text)).isNotNull();
      model.adapt("prefix", PrefixTuningConfig.ofVirtualTokens(4));
      assertThat(room(model)).isEqualTo(positions - 4);
      assertThat(model.classify(text)).isNotNull();
      model.adapt("wide", PrefixTuningConfig.ofVirtualTokens((int) positions));
      assertThatThrownBy(() -> model.classify(text))
          .hasMessageContainingAll("take " + positions + " positions", "fewer virtual tokens");
    }
  }

  @Test
  void adaptersAskForNoMoreThanThereIs() {
    try (PeftModel model = llama()) {
      assertThatThrownBy(() -> model.adapt(LoraConfig.ofRank(Integer.MAX_VALUE)))
          .isInstanceOf(IllegalArgumentException.class)
          .hasMessageContainingAll("(2147483647, ", "lower the rank");
      assertThatThrownBy(() -> LoraConfig.ofRank(2).loraAlpha(Double.NaN))
          .hasMessageContainingAll("'lora_alpha'", "NaN", "finite");
      assertThatThrownBy(() -> model.adapt(" ", LoraConfig.ofRank(2)))
          .hasMessageContaining("a name is needed");
      assertThatThrownBy(() -> model.adapt(LoraConfig.ofRank(2).modulesToSave("nowhere")))
          .hasMessageContainingAll("modules_to_save nowhere", "model.norm");
      assertThat(model.adapters()).isEmpty();
    }
  }

  /** Some models' config.json names a padding token that only their authors' tokenizer had. */
  @Test
  void specialTokensBeyondTheVocabularyAreNotUsed() throws IOException {
    Path folder = TinyModels.copy("tiny-llama", temporary.resolve("model"));
    Files.writeString(folder.resolve("generation_config.json"), "{\"bos_token_id\": 99999}");
    Path config = folder.resolve("config.json");
    Files.writeString(
        config,
        Files.readString(config)
            .replace("\"bos_token_id\": 1", "\"bos_token_id\": 99999")
            .replace("\"pad_token_id\": null", "\"pad_token_id\": 99999"));
    try (PeftModel model = Peft.load(folder.toString(), Task.causalLm())) {
      assertThat(model.tokenizer().bosId()).isEmpty();
      assertThat(model.base().padId(99999)).isZero();
      assertThat(
              model.generate(List.of("w3", "w4 w5 w6"), GenerationConfig.greedy().maxNewTokens(2)))
          .hasSize(2);
    }
  }

  private static long room(PeftModel model) {
    try (ModelCall call = model.newCall()) {
      return call.room();
    }
  }
}
