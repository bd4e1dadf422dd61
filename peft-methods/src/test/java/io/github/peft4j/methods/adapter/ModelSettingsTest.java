package io.github.peft4j.methods.adapter;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.assertj.core.api.Assertions.within;

import com.google.gson.JsonObject;
import com.google.gson.JsonParser;
import io.github.peft4j.Peft;
import io.github.peft4j.PeftModel;
import io.github.peft4j.generate.GenerationConfig;
import io.github.peft4j.io.safetensors.Safetensors;
import io.github.peft4j.io.safetensors.SafetensorsWriter;
import io.github.peft4j.kernel.Precision;
import io.github.peft4j.kernel.Tensors;
import io.github.peft4j.methods.prefixtuning.PrefixTuningConfig;
import io.github.peft4j.transformer.config.Task;
import io.github.peft4j.transformer.config.UnsupportedModelException;
import io.github.peft4j.transformer.pass.ModelInput;
import java.io.IOException;
import java.net.URISyntaxException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.Objects;
import java.util.function.IntToDoubleFunction;
import java.util.regex.Matcher;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;

/** What config.json and generation_config.json say is done. */
class ModelSettingsTest {

  private static final long[][] IDS = {{3, 4, 5, 6}, {7, 8, 9, 0}};
  private static final long[][] MASK = {{1, 1, 1, 1}, {1, 1, 1, 0}};

  @TempDir Path folder;

  private static Path gpt2() throws URISyntaxException {
    return Path.of(
        Objects.requireNonNull(ModelSettingsTest.class.getResource("/golden-adapterhub/tiny-gpt2"))
            .toURI());
  }

  private static float[] logits(Path model, Precision precision) {
    try (PeftModel peft = Peft.from(model).precision(precision).load();
        var logits = peft.logits(ModelInput.of(peft.base().manager(), IDS, MASK))) {
      return Tensors.floats(logits);
    }
  }

  /** A GPT-2 whose config says something more, and whose queries are multiplied, layer by layer. */
  private Path changed(String name, String fields, IntToDoubleFunction queries) throws Exception {
    Path target = Files.createDirectories(folder.resolve(name));
    SafetensorsWriter writer = new SafetensorsWriter();
    try (Safetensors source = Safetensors.open(gpt2().resolve("model.safetensors"))) {
      for (String tensor : source.names()) {
        float[] values = source.floats(tensor);
        if (tensor.contains("c_attn")) {
          int layer = Integer.parseInt(tensor.replaceAll(".*h\\.(\\d+)\\..*", "$1"));
          for (int i = 0; i < values.length; i++) { // (16, 48) or (48): the first 16 are queries
            values[i] *= i % 48 < 16 ? (float) queries.applyAsDouble(layer) : 1;
          }
        }
        writer.add(tensor, source.info(tensor).shape(), values);
      }
    }
    writer.write(target.resolve("model.safetensors"));
    String config =
        Files.readString(gpt2().resolve("config.json"))
            .replaceAll("\"(scale_attn|reorder)\\w+\": \\w+,", "");
    Files.writeString(
        target.resolve("config.json"),
        config.replaceFirst("\\{", "{" + Matcher.quoteReplacement(fields)));
    return target;
  }

  private static void assertClose(float[] actual, float[] expected, float tolerance) {
    for (int i = 0; i < actual.length; i++) {
      assertThat(actual[i]).isCloseTo(expected[i], within(tolerance));
    }
  }

  @ParameterizedTest
  @CsvSource({
    "'\"scale_attn_weights\": false,', 2, 2", // heads of 4: 1/√4 is left out
    "'\"scale_attn_by_inverse_layer_idx\": true,', 1, 0.5",
    "'\"scale_attn_by_inverse_layer_idx\": true, \"scale_attn_weights\": false,', 2, 1",
    "'\"reorder_and_upcast_attn\": true,', 1, 1",
  })
  void gpt2ScalesItsScoresAsItsConfigSays(String fields, double first, double second)
      throws Exception {
    float[] plain = logits(changed("plain", "", layer -> 1), Precision.FLOAT32);
    float[] scaled = logits(changed("flagged", fields, layer -> 1), Precision.FLOAT32);
    float[] byHand =
        logits(changed("by-hand", "", layer -> layer == 0 ? first : second), Precision.FLOAT32);
    assertClose(scaled, byHand, 1e-5f);
    if (first != 1 || second != 1) {
      assertThat(scaled).isNotEqualTo(plain);
    }
  }

  /** A model of the golden set whose config says something else of one field. */
  private Path saying(String name, String field, String value) throws IOException {
    Path model = TinyModels.copy(name, folder.resolve(field));
    Path file = model.resolve("config.json");
    JsonObject config = JsonParser.parseString(Files.readString(file)).getAsJsonObject();
    config.add(field, JsonParser.parseString(value));
    Files.writeString(file, config.toString());
    return model;
  }

  @Test
  void gpt2TakesTransformersCommonNameOfItsLength() throws IOException {
    Path model = saying("tiny-gpt2-left", "max_position_embeddings", "32");
    Path file = model.resolve("config.json");
    JsonObject config = JsonParser.parseString(Files.readString(file)).getAsJsonObject();
    config.remove("n_positions");
    Files.writeString(file, config.toString());
    try (PeftModel peft = Peft.load(model.toString())) {
      assertThat(peft.base().maxPositions()).isEqualTo(32);
    }
  }

  @Test
  void aBertThatIsADecoderSeesNoLaterTokens() throws IOException {
    Path decoder = saying("tiny-bert", "is_decoder", "true");
    long[][] other = {{3, 4, 5, 6}, {7, 8, 9, 9}};
    for (boolean causal : new boolean[] {false, true}) {
      Path model = causal ? decoder : TinyModels.golden("tiny-bert");
      try (PeftModel peft = Peft.load(model.toString());
          var first = peft.logits(ModelInput.of(peft.base().manager(), IDS, null));
          var second = peft.logits(ModelInput.of(peft.base().manager(), other, null))) {
        assertThat(Arrays.equals(Tensors.floats(first), Tensors.floats(second)))
            .as("the class is read off the first token, and the last one differs")
            .isEqualTo(causal);
      }
    }
  }

  @ParameterizedTest
  @CsvSource({
    "tiny-bert, multi_label_classification, MULTI_LABEL",
    "tiny-bert, regression, REGRESSION",
    "tiny-llama-classifier, regression, REGRESSION",
    "tiny-bert, single_label_classification, SINGLE_LABEL",
  })
  void theProblemTypeSaysWhatLabelsAre(String name, String type, Task.Problem problem)
      throws IOException {
    Path model = saying(name, "problem_type", "\"" + type + "\"");
    try (PeftModel peft = Peft.load(model.toString())) {
      assertThat(peft.base().task().problem()).isEqualTo(problem);
    }
  }

  @Test
  void oneLabelOnAClassifierOfThreeIsRefused() throws IOException {
    Path model = saying("tiny-bert", "id2label", "{\"0\": \"LABEL_0\"}");
    assertThatThrownBy(() -> Peft.load(model.toString()))
        .hasMessageContaining("classifier.weight")
        .hasMessageContaining("[1, ");
  }

  @ParameterizedTest
  @CsvSource({
    "tiny-bert, add_cross_attention, true",
    "tiny-bert, position_embedding_type, '\"relative_key\"'",
    "tiny-bert, problem_type, '\"ranking\"'",
    "tiny-bert, architectures, '[\"BertForNextSentencePrediction\"]'",
    "tiny-bert, architectures, '[\"BertForMultipleChoice\"]'",
    "tiny-bert, architectures, '[\"BertLMHeadModel\"]'",
    "tiny-bert, architectures, '[\"BertForMultipleChoice\"]'",
    "tiny-bert, architectures, '[\"RobertaForSequenceClassification\"]'",
    "tiny-llama, architectures, '[\"LlamaForMultipleChoice\"]'",
    "tiny-llama, architectures, '[\"LlavaForConditionalGeneration\"]'",
    "tiny-gpt2-left, architectures, '[\"GPT2DoubleHeadsModel\"]'",
    "tiny-t5, architectures, '[\"T5EncoderModel\"]'",
    "tiny-t5, architectures, '[\"T5ForSequenceClassification\"]'",
    "tiny-llama, rope_parameters, '{\"rope_type\": \"proportional\", \"factor\": 4.0}'",
  })
  void whatWouldBeComputedOtherwiseIsRefused(String name, String field, String value)
      throws IOException {
    Path model = saying(name, field, value);
    assertThatThrownBy(() -> Peft.load(model.toString()))
        .isInstanceOf(UnsupportedModelException.class)
        .hasMessageContaining(field)
        .hasMessageContaining("expected");
  }

  @ParameterizedTest
  @CsvSource({
    "tiny-bert, '[\"BertModel\"]', FEATURE_EXTRACTION",
    "tiny-bert, '[\"BertForTokenClassification\"]', TOKEN_CLS",
    "tiny-bert, '[]', SEQ_CLS",
    "tiny-bert, null, SEQ_CLS",
    "tiny-llama, '[\"LLaMAForCausalLM\"]', CAUSAL_LM",
    "tiny-llama, '[\"LlamaModel\"]', FEATURE_EXTRACTION",
    "tiny-llama, '[\"LlamaForSequenceClassification\"]', SEQ_CLS",
  })
  void theArchitectureSaysTheTask(String name, String architectures, Task.Type task)
      throws IOException {
    Path model = saying(name, "architectures", architectures);
    try (PeftModel peft = Peft.load(model.toString())) {
      assertThat(peft.base().task().type()).isEqualTo(task);
    }
  }

  @Test
  void aTaskOfOnesOwnPutsAHeadOnTheBodyOfAnyClass() throws IOException {
    Path model = saying("tiny-bert", "architectures", "[\"BertForMaskedLM\"]");
    try (PeftModel peft = Peft.load(model.toString(), Task.classification("a", "b", "c"))) {
      assertThat(peft.base().architecture()).isEqualTo("BertForSequenceClassification");
    }
    assertThatThrownBy(() -> Task.classification("one"))
        .hasMessageContainingAll("two labels or more", "[one]");
    assertThatThrownBy(() -> Peft.load(model.toString(), Task.causalLm()))
        .hasMessageContaining("bert has no head for CAUSAL_LM")
        .hasMessageContaining("[SEQ_CLS, TOKEN_CLS, MASKED_LM, QUESTION_ANS, FEATURE_EXTRACTION]");
  }

  @ParameterizedTest
  @ValueSource(strings = {"tiny-llama", "tiny-bert"})
  void masksHoldInHalfPrecision(String name) {
    Path model = TinyModels.golden(name);
    assertClose(logits(model, Precision.FLOAT16), logits(model, Precision.FLOAT32), 0.02f);
    try (PeftModel half = Peft.from(model).precision(Precision.FLOAT16).load();
        PeftModel single = Peft.from(model).precision(Precision.FLOAT32).load()) {
      float[][] both = new float[2][];
      PeftModel[] models = {half, single};
      for (int i = 0; i < 2; i++) {
        models[i].adapt(PrefixTuningConfig.ofVirtualTokens(2));
        try (var logits = models[i].logits(ModelInput.of(models[i].base().manager(), IDS, null))) {
          both[i] = Tensors.floats(logits);
        }
      }
      assertClose(both[0], both[1], 0.02f);
    }
  }

  @Test
  void generationConfigNamesTheEndAndTheDefaults() throws IOException {
    Path model = TinyModels.copy("tiny-llama", folder.resolve("llama"));
    String first;
    try (PeftModel peft = Peft.load(model.toString())) {
      first = peft.generate("w3 w4 w5", GenerationConfig.greedy().maxNewTokens(4)).text();
    }
    String second = first.trim().replaceFirst("\\S+ (\\S+).*", "$1");
    Files.writeString(
        model.resolve("generation_config.json"),
        """
        {"do_sample": true, "temperature": 0.7, "top_p": 0.9, "max_new_tokens": 33,
         "eos_token_id": [2, %s], "pad_token_id": 1}
        """
            .formatted(second.substring(1)));
    try (PeftModel peft = Peft.load(model.toString())) {
      assertThat(peft.generate("w3 w4 w5", GenerationConfig.recommended()).ids())
          .isEqualTo(
              peft.generate(
                      "w3 w4 w5",
                      GenerationConfig.sampling(0.7).topK(50).topP(0.9).maxNewTokens(33))
                  .ids());
      assertThat(peft.generate("w3 w4 w5", GenerationConfig.greedy().maxNewTokens(4)).text())
          .as("up to the second word")
          .hasSizeLessThan(first.length())
          .doesNotContain(second);
      assertThat(peft.tokenizer().padId()).isEqualTo(1);
    }
    Files.writeString(
        model.resolve("generation_config.json"), "{\"top_p\": 7, \"do_sample\": true}");
    try (PeftModel peft = Peft.load(model.toString())) {
      assertThatThrownBy(() -> peft.generate("w3"))
          .hasMessageContaining("generation_config.json: field 'top_p' is 7.0");
    }
  }
}
