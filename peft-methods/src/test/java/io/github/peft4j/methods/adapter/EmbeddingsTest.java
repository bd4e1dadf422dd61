package io.github.peft4j.methods.adapter;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.assertj.core.api.Assertions.within;

import ai.djl.ndarray.NDArray;
import com.google.gson.Gson;
import com.google.gson.JsonObject;
import com.google.gson.JsonParser;
import io.github.peft4j.Peft;
import io.github.peft4j.PeftModel;
import io.github.peft4j.embed.EmbeddingSettings;
import io.github.peft4j.embed.Pooling;
import io.github.peft4j.embed.TextEmbedder;
import io.github.peft4j.io.TensorSource;
import io.github.peft4j.io.safetensors.Safetensors;
import io.github.peft4j.kernel.Tensors;
import io.github.peft4j.methods.lora.LoraConfig;
import io.github.peft4j.transformer.config.Task;
import io.github.peft4j.transformer.config.UnsupportedModelException;
import java.io.IOException;
import java.net.URISyntaxException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Objects;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/** Vectors of texts are those of sentence-transformers. */
class EmbeddingsTest {

  private static final List<String> TEXTS = List.of("w3 w4 w5 w6 w7 w8", "w9", "w10 w11 w12");

  @TempDir Path folder;

  private static Path resource(String name) throws URISyntaxException {
    return Path.of(
        Objects.requireNonNull(EmbeddingsTest.class.getResource("/embeddings/" + name)).toURI());
  }

  /** A model's folder with the files that sentence-transformers saves beside it. */
  private Path folder(String name) throws IOException, URISyntaxException {
    Path files = resource(name);
    Path model = TinyModels.copy(expected(name).get("model").getAsString(), folder.resolve(name));
    try (Stream<Path> all = Files.walk(files)) {
      for (Path file : all.filter(Files::isRegularFile).toList()) {
        Path target = model.resolve(files.relativize(file).toString());
        Files.createDirectories(target.getParent());
        Files.copy(file, target);
      }
    }
    return model;
  }

  private static JsonObject expected(String name) throws IOException, URISyntaxException {
    return JsonParser.parseString(Files.readString(resource(name).resolve("expected.json")))
        .getAsJsonObject();
  }

  @ParameterizedTest
  @ValueSource(strings = {"mean-normalized", "cls", "older", "dense", "last-token"})
  void vectorsAreThoseOfSentenceTransformers(String name) throws IOException, URISyntaxException {
    JsonObject expected = expected(name);
    List<String> texts = List.of(new Gson().fromJson(expected.get("texts"), String[].class));
    float[][] wanted = new Gson().fromJson(expected.get("vectors"), float[][].class);
    try (PeftModel model = Peft.load(folder(name).toString())) {
      float[][] vectors = model.embed(texts);
      assertThat(vectors.length).isEqualTo(wanted.length);
      for (int i = 0; i < wanted.length; i++) {
        assertThat(vectors[i]).as(texts.get(i)).containsExactly(wanted[i], within(1e-5f));
        assertThat(model.embed(texts.get(i))).containsExactly(wanted[i], within(1e-5f));
      }
    }
  }

  @ParameterizedTest
  @ValueSource(strings = {"mean-normalized", "cls", "older", "dense", "last-token"})
  void settingsThatAModelWasLoadedWithAreSaved(String name) throws IOException, URISyntaxException {
    EmbeddingSettings settings = EmbeddingSettings.read(resource(name)).orElseThrow();
    String base = expected(name).get("model").getAsString();
    Path plain = TinyModels.copy(base, folder.resolve("plain"));
    Path saved = folder.resolve("saved");
    float[][] vectors;
    try (PeftModel model =
        Peft.from(plain.toString()).task(Task.featureExtraction()).embeddings(settings).load()) {
      vectors = model.embed(TEXTS);
      model.saveMerged(saved.toString());
    }
    try (PeftModel model = Peft.load(saved.toString(), Task.featureExtraction())) {
      assertThat(model.embeddingSettings().toString())
          .isEqualTo(settings.maxLength(Math.min(settings.maxLength(), 32)).toString());
      for (int i = 0; i < TEXTS.size(); i++) {
        assertThat(model.embed(TEXTS.get(i))).containsExactly(vectors[i], within(1e-6f));
      }
      model.saveMerged(folder.resolve("again").toString());
    }
    for (String file : List.of("modules.json", "1_Pooling/config.json")) {
      assertThat(folder.resolve("again").resolve(file))
          .hasSameTextualContentAs(saved.resolve(file));
    }
  }

  @Test
  void aFolderThatIsSavedHasItsOwnModulesOrThoseThatWereUsed() throws IOException {
    Path plain = TinyModels.copy("tiny-bert", folder.resolve("plain"));
    Path saved = folder.resolve("saved");
    try (PeftModel model = Peft.load(plain.toString(), Task.featureExtraction())) {
      model.saveBase(saved.toString());
      assertThat(saved.resolve("modules.json")).doesNotExist(); // nobody asked for vectors
      model.embed("w3");
      model.saveBase(saved.toString());
      assertThat(EmbeddingSettings.read(saved).orElseThrow().pooling()).isEqualTo(Pooling.MEAN);
    }
    EmbeddingSettings other = EmbeddingSettings.of(Pooling.CLS);
    try (PeftModel model =
        Peft.from(saved.toString()).task(Task.featureExtraction()).embeddings(other).load()) {
      model.saveBase(folder.resolve("other").toString());
    }
    assertThat(EmbeddingSettings.read(folder.resolve("other")).orElseThrow().pooling())
        .isEqualTo(Pooling.CLS);
    try (PeftModel model = Peft.load(plain.toString())) { // a classifier
      model.embed("w3");
      model.saveBase(folder.resolve("classifier").toString());
      assertThat(folder.resolve("classifier/modules.json")).doesNotExist();
    }
  }

  @Test
  void whatIsNotSupportedIsRefusedByName() throws IOException, URISyntaxException {
    Path model = folder("max");
    try (PeftModel peft = Peft.load(model.toString())) {
      assertThatThrownBy(() -> peft.embed("w3"))
          .isInstanceOf(UnsupportedModelException.class)
          .hasMessageContainingAll("1_Pooling", "pooling_mode", "'max'", "mean");
    }
    Path modules = model.resolve("modules.json");
    Files.writeString(
        modules, Files.readString(modules).replace("pooling.Pooling", "models.WordWeights"));
    try (PeftModel peft = Peft.load(model.toString())) {
      assertThatThrownBy(() -> peft.embed("w3"))
          .hasMessageContainingAll("modules.json", "'type'", "WordWeights", "Normalize");
    }
    Files.writeString(
        modules, Files.readString(modules).replace("\"1_Pooling\"", "\"../1_Pooling\""));
    try (PeftModel peft = Peft.load(model.toString())) {
      assertThatThrownBy(() -> peft.embed("w3"))
          .hasMessageContainingAll("'path'", "../1_Pooling", "within the model's folder");
    }
    Path t5 = TinyModels.copy("tiny-t5", folder.resolve("t5"));
    try (PeftModel peft = Peft.load(t5.toString())) {
      assertThatThrownBy(() -> peft.embed("w3")).hasMessageContaining("encoder-decoder");
      assertThatThrownBy(() -> peft.classify("w3"))
          .isInstanceOf(IllegalArgumentException.class)
          .hasMessageStartingWith("a model for SEQ_2_SEQ_LM classifies no texts; encoder-decoders")
          .hasMessageNotContaining("Task.classification");
    }
  }

  @Test
  void settingsCanBeOverridden() {
    Path model = TinyModels.copy("tiny-llama", folder.resolve("plain"));
    try (PeftModel peft = Peft.load(model.toString())) {
      TextEmbedder mean = peft.embedder();
      assertThat(mean.settings().pooling()).isEqualTo(Pooling.MEAN);
      TextEmbedder last = mean.pooling(Pooling.LAST_TOKEN).normalized(true);
      double square = 0;
      for (float x : last.embed("w3 w4")) {
        square += x * x;
      }
      assertThat(square).isCloseTo(1, within(1e-5));
      assertThat(mean.prompt("w3 ").embed("w4"))
          .containsExactly(mean.embed("w3 w4"), within(1e-6f));
      assertThat(mean.pooling(Pooling.CLS).embed("w3 w4 w5"))
          .as("the first token of a decoder sees itself alone")
          .containsExactly(mean.embed("w3"), within(1e-6f));
    }
  }

  @Test
  void anArrayHasTheTextsInOrderAndNothingIsLeftOver() {
    Path model = TinyModels.copy("tiny-bert", folder.resolve("bert"));
    try (PeftModel peft = Peft.load(model.toString(), Task.featureExtraction())) {
      TextEmbedder embedder = peft.embedder();
      float[][] rows = embedder.embed(TEXTS);
      long before = Tensors.live();
      try (NDArray array = embedder.embedArray(TEXTS)) {
        assertThat(array.getShape().getShape()).isEqualTo(new long[] {3, 16});
        assertThat(Tensors.floats(array.get(1))).containsExactly(rows[1], within(1e-6f));
      }
      for (int i = 0; i < 3; i++) {
        embedder.embed(TEXTS);
      }
      assertThat(Tensors.live()).isLessThanOrEqualTo(before + 1); // that of get(1)
      assertThat(embedder.embed(List.of()).length).isZero();
    }
  }

  @Test
  void adaptersOfAModelWithoutAHeadHaveItsNames() throws IOException {
    Path model = TinyModels.copy("tiny-bert", folder.resolve("bert"));
    Path saved = folder.resolve("adapter");
    float[] trained;
    try (PeftModel peft = Peft.load(model.toString(), Task.featureExtraction())) {
      assertThat(peft.base().architecture()).isEqualTo("BertModel");
      float[] frozen = peft.embed("w3 w4");
      peft.adapt(LoraConfig.ofRank(2).targetModules("query", "dense"));
      peft.trainables().forEach(tensor -> tensor.value().addi(0.1f));
      trained = peft.embed("w3 w4");
      assertThat(trained).isNotEqualTo(frozen);
      peft.save(saved.toString());
    }
    assertThat(Files.readString(saved.resolve("adapter_config.json")))
        .contains("\"task_type\": \"FEATURE_EXTRACTION\"");
    try (TensorSource tensors = Safetensors.open(saved.resolve("adapter_model.safetensors"))) {
      assertThat(tensors.names())
          .contains("base_model.model.pooler.dense.lora_A.weight")
          .allMatch(name -> !name.contains("bert."));
    }
    try (PeftModel peft = Peft.load(model.toString(), Task.featureExtraction())) {
      peft.loadAdapter(saved.toString());
      assertThat(peft.embed("w3 w4")).containsExactly(trained, within(1e-6f));
    }
  }
}
