package io.github.peft4j.methods.adapter;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.within;

import ai.djl.modality.Classifications;
import com.google.gson.JsonObject;
import com.google.gson.JsonParser;
import io.github.peft4j.Peft;
import io.github.peft4j.PeftModel;
import io.github.peft4j.data.tokenizer.Tokenizer;
import io.github.peft4j.io.safetensors.Safetensors;
import io.github.peft4j.io.weights.ModelWeights;
import io.github.peft4j.kernel.Precision;
import io.github.peft4j.methods.lora.LoraConfig;
import io.github.peft4j.methods.lora.init.LoraInitialization;
import io.github.peft4j.transformer.config.ModelConfig;
import io.github.peft4j.transformer.config.Task;
import java.io.ByteArrayInputStream;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

/** A saved model is complete, and its config.json says what its tensors are. */
class SavedModelTest {

  private static final LoraConfig RANDOM =
      LoraConfig.ofRank(2).initLoraWeights(LoraInitialization.RANDOM);

  /** What a model's folder may have for its use. */
  private static final List<String> KEPT =
      List.of(
          "tokenizer_config.json",
          "special_tokens_map.json",
          "added_tokens.json",
          "vocab.txt",
          "vocab.json",
          "merges.txt",
          "tokenizer.model",
          "spiece.model",
          "sentencepiece.bpe.model",
          "source.spm",
          "chat_template.jinja",
          "chat_template.json",
          "additional_chat_templates/tools.jinja",
          "generation_config.json",
          "preprocessor_config.json",
          "processor_config.json",
          "modules.json",
          "config_sentence_transformers.json",
          "sentence_bert_config.json",
          "1_Pooling/config.json",
          "LICENSE",
          "NOTICE.txt",
          "USE_POLICY.md");

  /** What belongs to other weights, or to nobody. */
  private static final List<String> LEFT =
      List.of(
          "pytorch_model.bin",
          "optimizer.pt",
          "training_args.bin",
          "README.md",
          "model.onnx",
          "modeling_own.py",
          "trainer_state.json",
          "onnx/model.onnx",
          "checkpoint-3/config.json");

  @TempDir Path folder;

  private static JsonObject config(Path model) throws IOException {
    return JsonParser.parseString(Files.readString(model.resolve("config.json"))).getAsJsonObject();
  }

  private static void change(Path model, String fields) throws IOException {
    JsonObject config = config(model);
    JsonParser.parseString(fields).getAsJsonObject().asMap().forEach(config::add);
    Files.writeString(model.resolve("config.json"), config.toString());
  }

  /** Some readers take an index and shards before model.safetensors, which is beside them. */
  @Test
  void shardsOfAFormerModelGo() throws IOException {
    Path origin = TinyModels.copy("tiny-llama", folder.resolve("origin"));
    Path merged = folder.resolve("merged");
    List<String> former =
        List.of(
            "model-00001-of-00002.safetensors",
            "model-00002-of-00002.safetensors",
            "model.safetensors.index.json");
    Files.createDirectories(merged);
    for (String name : former) {
      Files.writeString(merged.resolve(name), "{}");
    }
    Files.writeString(merged.resolve("own.safetensors"), "{}");
    try (PeftModel model = Peft.load(origin.toString()).adapt(RANDOM)) {
      model.saveMerged(merged.toString());
    }
    assertThat(former).allSatisfy(name -> assertThat(merged.resolve(name)).doesNotExist());
    assertThat(merged.resolve("own.safetensors")).exists();
  }

  @Test
  void aModelSavedOverItsSourceStillKnowsWhatItWasLoadedFrom() {
    Path origin = TinyModels.copy("tiny-llama", folder.resolve("origin"));
    String loaded;
    try (PeftModel model = Peft.load(origin.toString())) {
      loaded = model.baseSha256();
    }
    try (PeftModel model = Peft.load(origin.toString()).adapt(RANDOM)) {
      model.saveMerged(origin.toString());
      assertThat(model.baseSha256()).isEqualTo(loaded);
    }
    try (PeftModel merged = Peft.load(origin.toString())) {
      assertThat(merged.baseSha256()).isNotEqualTo(loaded);
    }
  }

  @Test
  void whatBelongsToTheModelIsCopied() throws IOException {
    Path origin = TinyModels.copy("tiny-llama", folder.resolve("origin"));
    for (List<String> files : List.of(KEPT, LEFT)) {
      for (String name : files) {
        Files.createDirectories(origin.resolve(name).getParent());
        Files.writeString(origin.resolve(name), "{}");
      }
    }
    Path merged = folder.resolve("merged");
    try (PeftModel model = Peft.load(origin.toString()).adapt(RANDOM)) {
      model.saveMerged(merged.toString());
    }
    assertThat(KEPT).allSatisfy(name -> assertThat(merged.resolve(name)).hasContent("{}"));
    assertThat(LEFT).allSatisfy(name -> assertThat(merged.resolve(name)).doesNotExist());
    assertThat(merged.resolve("tokenizer.json"))
        .hasSameTextualContentAs(origin.resolve("tokenizer.json"));
  }

  @ParameterizedTest
  @CsvSource({
    "'{\"dtype\": null, \"torch_dtype\": \"bfloat16\"}', torch_dtype, dtype",
    "'{\"dtype\": \"bfloat16\"}', dtype, torch_dtype",
    "'{\"dtype\": null}', dtype, torch_dtype",
  })
  void theTypeIsThatOfTheTensorsUnderTheNameThatWasThere(String fields, String there, String not)
      throws IOException {
    Path origin = TinyModels.copy("tiny-llama", folder.resolve("origin"));
    change(origin, fields);
    for (Precision precision : List.of(Precision.FLOAT32, Precision.BFLOAT16)) {
      Path merged = folder.resolve("merged-" + precision);
      try (PeftModel model = Peft.from(origin).precision(precision).load().adapt(RANDOM)) {
        model.saveMerged(merged.toString());
      }
      boolean half = precision == Precision.BFLOAT16;
      assertThat(config(merged).get(there).getAsString()).isEqualTo(half ? "bfloat16" : "float32");
      assertThat(config(merged).has(not) && !config(merged).get(not).isJsonNull()).isFalse();
      try (Safetensors tensors = Safetensors.open(merged.resolve("model.safetensors"))) {
        assertThat(tensors.names())
            .allSatisfy(
                name -> assertThat(tensors.info(name).dtype()).hasToString(half ? "BF16" : "F32"));
      }
    }
  }

  private static void assertSame(Classifications actual, Classifications expected) {
    assertThat(actual.getClassNames()).isEqualTo(expected.getClassNames());
    for (int i = 0; i < expected.getProbabilities().size(); i++) {
      assertThat(actual.getProbabilities().get(i))
          .isCloseTo(expected.getProbabilities().get(i), within(1e-5));
    }
  }

  @Test
  void aNewHeadsClassesAreInTheConfig() throws IOException {
    Path origin = TinyModels.copy("tiny-bert", folder.resolve("origin"));
    change(
        origin,
        """
        {"architectures": ["BertForMaskedLM"], "num_labels": 7, "problem_type": "regression",
         "auto_map": {"AutoModel": "modeling_own.Own"}}
        """);
    Path merged = folder.resolve("merged");
    Classifications before;
    try (PeftModel model =
        Peft.load(origin.toString(), Task.classification("no", "perhaps", "yes")).adapt(RANDOM)) {
      before = model.classify("w4 w5");
      model.saveMerged(merged.toString());
    }
    JsonObject config = config(merged);
    assertThat(config.get("architectures")).hasToString("[\"BertForSequenceClassification\"]");
    assertThat(config.get("num_labels").getAsInt()).isEqualTo(3);
    assertThat(config.get("id2label"))
        .hasToString("{\"0\":\"no\",\"1\":\"perhaps\",\"2\":\"yes\"}");
    assertThat(config.get("label2id")).hasToString("{\"no\":0,\"perhaps\":1,\"yes\":2}");
    assertThat(config.get("problem_type").getAsString()).isEqualTo("single_label_classification");
    assertThat(config.has("auto_map")).isFalse();
    try (PeftModel again = Peft.load(merged.toString())) {
      assertSame(again.classify("w4 w5"), before);
    }
  }

  /** As a model out of a jar, whose tokenizer is a stream and whose origin is a name. */
  @Test
  void aModelFromNoFolderCarriesItsTokenizer() {
    Path golden = TinyModels.golden("tiny-bert");
    byte[] tokenizer = TinyModels.tokenizer(40).getBytes(StandardCharsets.UTF_8);
    Path merged = folder.resolve("merged");
    Classifications before;
    try (PeftModel model =
        Peft.from(
                ModelConfig.read(golden),
                () -> ModelWeights.open(golden),
                () -> Tokenizer.load(new ByteArrayInputStream(tokenizer)),
                "someone/tiny-bert")
            .load()
            .adapt(RANDOM)) {
      before = model.classify("w4 w5");
      model.saveMerged(merged.toString());
    }
    try (PeftModel again = Peft.load(merged.toString())) {
      assertSame(again.classify("w4 w5"), before);
    }
  }

  @Test
  void aTokenizerFromElsewhereIsTheOneThatIsSaved() throws IOException {
    Path origin = TinyModels.copy("tiny-bert", folder.resolve("origin"));
    Path elsewhere = Files.createDirectories(folder.resolve("elsewhere"));
    Files.writeString(elsewhere.resolve("tokenizer.json"), TinyModels.tokenizer(20));
    Files.writeString(elsewhere.resolve("added_tokens.json"), "{}");
    Path merged = folder.resolve("merged");
    try (PeftModel model =
        Peft.from(
                ModelConfig.read(origin),
                () -> ModelWeights.open(origin),
                () -> Tokenizer.load(elsewhere),
                origin.toString())
            .load()
            .adapt(RANDOM)) {
      model.saveMerged(merged.toString());
    }
    assertThat(merged.resolve("tokenizer.json"))
        .hasSameTextualContentAs(elsewhere.resolve("tokenizer.json"));
    assertThat(merged.resolve("added_tokens.json")).exists();
  }
}
