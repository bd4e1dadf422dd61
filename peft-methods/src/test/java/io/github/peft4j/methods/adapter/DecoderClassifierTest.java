package io.github.peft4j.methods.adapter;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.assertj.core.api.Assertions.within;

import ai.djl.modality.Classifications;
import io.github.peft4j.Peft;
import io.github.peft4j.PeftModel;
import io.github.peft4j.config.PeftConfig;
import io.github.peft4j.kernel.Scope;
import io.github.peft4j.kernel.Tensors;
import io.github.peft4j.methods.prefixtuning.PrefixTuningConfig;
import io.github.peft4j.methods.prompttuning.PromptTuningConfig;
import io.github.peft4j.transformer.pass.ModelInput;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.List;
import java.util.stream.Stream;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.MethodSource;

/** Decoders classify a text by its last token, wherever padding stands. */
class DecoderClassifierTest {

  private static final long[][] IDS = {{7, 8, 9, 10, 11}, {12, 13, 0, 0, 0}};
  private static final long[][] MASK = {{1, 1, 1, 1, 1}, {1, 1, 0, 0, 0}};

  @TempDir Path folder;

  static Stream<PeftConfig> virtualTokens() {
    return Stream.of(PromptTuningConfig.ofVirtualTokens(3), PrefixTuningConfig.ofVirtualTokens(3));
  }

  /** The model with another padding in its config, or none. */
  private PeftModel load(String padding) throws IOException {
    Path copy = TinyModels.copy("tiny-llama-classifier", folder.resolve("model"));
    Path config = copy.resolve("config.json");
    String text = Files.readString(config);
    assertThat(text).contains("\"pad_token_id\": 0");
    Files.writeString(config, text.replace("\"pad_token_id\": 0", "\"pad_token_id\": " + padding));
    return Peft.load(copy.toString());
  }

  private static float[] logits(PeftModel model, long[][] ids, long @Nullable [][] mask) {
    try (Scope scope = new Scope()) {
      return Tensors.floats(model.logits(ModelInput.of(model.base().manager(), ids, mask)));
    }
  }

  private static void assertSecondRowIsAlone(PeftModel model, float[] batch) {
    assertThat(Arrays.copyOfRange(batch, 3, 6))
        .containsExactly(logits(model, new long[][] {{12, 13}}, null), within(1e-5f));
  }

  @Test
  void theIdsSayWhereATextEndsAndNotTheMask() throws IOException {
    try (PeftModel model = load("0")) {
      assertSecondRowIsAlone(model, logits(model, IDS, MASK));
      long[][] hidden = {{7, 8, 9, 10, 11}, {12, 13, 30, 31, 32}};
      assertThat(logits(model, hidden, MASK)).isNotEqualTo(logits(model, IDS, MASK));
    }
  }

  @Test
  void aClassifiersAdapterOnALanguageModelNamesTheTask() {
    Path adapter = TinyModels.golden("tiny-llama-classifier").resolve("lora");
    try (PeftModel model = Peft.load(TinyModels.golden("tiny-llama").toString())) {
      assertThatThrownBy(() -> model.loadAdapter(adapter.toString()))
          .isInstanceOf(IllegalArgumentException.class)
          .hasMessageStartingWith(
              adapter.resolve("adapter_config.json")
                  + ": field 'task_type' is SEQ_CLS, but the base model is loaded for CAUSAL_LM."
                  + " Load it with Peft.load(model, Task.classification(");
      assertThat(model.adapters()).isEmpty();
    }
  }

  @Test
  void withoutAPaddingIdTheMaskSays() throws IOException {
    try (PeftModel model = load("null")) {
      long[][] hidden = {{7, 8, 9, 10, 11}, {12, 13, 30, 31, 32}};
      assertSecondRowIsAlone(model, logits(model, hidden, MASK));
    }
  }

  @ParameterizedTest
  @MethodSource("virtualTokens")
  void behindVirtualTokensTextsEndWhereTheyEnd(PeftConfig config) throws IOException {
    try (PeftModel model = load("0").adapt(config)) {
      assertSecondRowIsAlone(model, logits(model, IDS, MASK));
    }
  }

  @Test
  void textsArePaddedWithTheModelsId() throws IOException {
    Files.createDirectories(folder.resolve("model"));
    Files.writeString(folder.resolve("model/tokenizer_config.json"), "{\"pad_token\": \"<pad>\"}");
    try (PeftModel model = load("4")) {
      assertThat(model.tokenizer().padId()).isZero();
      List<Classifications> batch = model.classify(List.of("w7 w8 w9 w10 w11", "w12 w13"));
      assertThat(batch.get(1).get("LABEL_1").getProbability())
          .isCloseTo(model.classify("w12 w13").get("LABEL_1").getProbability(), within(1e-5));
    }
  }
}
