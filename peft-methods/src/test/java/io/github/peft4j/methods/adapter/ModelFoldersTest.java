package io.github.peft4j.methods.adapter;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.assertj.core.api.Assertions.within;

import ai.djl.ndarray.NDArray;
import ai.djl.ndarray.types.Shape;
import com.google.gson.JsonObject;
import io.github.peft4j.Peft;
import io.github.peft4j.PeftModel;
import io.github.peft4j.io.DType;
import io.github.peft4j.io.JsonFile;
import io.github.peft4j.io.RenamedTensors;
import io.github.peft4j.io.TensorHash;
import io.github.peft4j.io.TensorSource;
import io.github.peft4j.io.safetensors.Safetensors;
import io.github.peft4j.io.safetensors.SafetensorsWriter;
import io.github.peft4j.io.weights.ModelWeights;
import io.github.peft4j.kernel.Precision;
import io.github.peft4j.kernel.Tensors;
import io.github.peft4j.methods.lora.LoraConfig;
import io.github.peft4j.methods.lora.init.LoraInitialization;
import io.github.peft4j.transformer.pass.ModelInput;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.TreeMap;
import java.util.function.UnaryOperator;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;

/** Folders of models in all the forms that there are: read, and written again. */
class ModelFoldersTest {

  private static final LoraConfig RANDOM =
      LoraConfig.ofRank(2).initLoraWeights(LoraInitialization.RANDOM);

  @TempDir Path folder;

  private static float[] logits(PeftModel model) {
    NDArray ids = model.base().manager().create(new long[] {4, 9, 30, 7, 12, 5}, new Shape(2, 3));
    try (NDArray logits = model.logits(ModelInput.of(ids))) {
      return Tensors.floats(logits);
    }
  }

  private static float[] logits(Path model) {
    try (PeftModel loaded = Peft.load(model.toString())) {
      return logits(loaded);
    }
  }

  private static String hash(Path model) {
    try (TensorSource source = ModelWeights.open(model)) {
      return TensorHash.of(source);
    }
  }

  private static List<String> names(Path folder) throws IOException {
    try (Stream<Path> files = Files.list(folder)) {
      return files.map(file -> file.getFileName().toString()).sorted().toList();
    }
  }

  @ParameterizedTest
  @CsvSource({"model, 0", "model-in-shards, 0.002"})
  void picklesHoldTheSameModel(String kind, float rounding) {
    float[] safe = logits(TinyModels.golden("tiny-llama"));
    Path pickled = TinyModels.golden("../golden-pickled/tiny-llama-" + kind);
    float[] read = logits(pickled);
    assertThat(read).hasSameSizeAs(safe);
    for (int i = 0; i < read.length; i++) {
      assertThat(read[i]).isCloseTo(safe[i], within(rounding));
    }
    try (PeftModel model = Peft.load(pickled.toString())) {
      model.saveBase(folder.resolve("saved").toString());
    }
    assertThat(logits(folder.resolve("saved"))).isEqualTo(read);
  }

  @Test
  void shardsHaveWhatTheirIndexSays() throws IOException {
    Path origin = TinyModels.copy("tiny-llama", folder.resolve("origin"));
    Path whole = folder.resolve("whole");
    Path sharded = folder.resolve("sharded");
    long largest = 6000;
    try (PeftModel model = Peft.load(origin.toString()).adapt(RANDOM)) {
      model.saveMerged(whole.toString());
      model.saveMerged(sharded, largest);
      assertThat(logits(sharded)).isEqualTo(logits(whole)).isNotEqualTo(logits(origin));
    }
    assertThat(hash(sharded)).isEqualTo(hash(whole));
    JsonObject index = JsonFile.read(sharded.resolve("model.safetensors.index.json"));
    Map<String, String> files = new TreeMap<>();
    long size = 0;
    long count = 0;
    int n = (int) names(sharded).stream().filter(name -> name.startsWith("model-")).count();
    for (int i = 1; i <= n; i++) {
      String name = "model-%05d-of-%05d.safetensors".formatted(i, n);
      try (Safetensors shard = Safetensors.open(sharded.resolve(name))) {
        long bytes = 0;
        for (String tensor : shard.names()) {
          files.put(tensor, name);
          bytes += shard.info(tensor).byteCount();
          count += shard.info(tensor).elementCount();
        }
        assertThat(bytes <= largest || shard.names().size() == 1).as(name).isTrue();
        assertThat(shard.metadata()).isEqualTo(Map.of("format", "pt"));
        size += bytes;
      }
    }
    assertThat(n).isBetween(3, 10);
    JsonObject map = index.getAsJsonObject("weight_map");
    assertThat(map.keySet()).containsExactlyElementsOf(files.keySet());
    files.forEach((tensor, file) -> assertThat(map.get(tensor).getAsString()).isEqualTo(file));
    assertThat(index.getAsJsonObject("metadata"))
        .hasToString("{\"total_parameters\":%d,\"total_size\":%d}".formatted(count, size));
  }

  @Test
  void weightsOfAnEarlierModelGo() throws IOException {
    Path origin = TinyModels.copy("tiny-llama", folder.resolve("origin"));
    Path target = folder.resolve("target");
    try (PeftModel model = Peft.load(origin.toString())) {
      model.saveBase(target, 4000);
      List<String> many = names(target);
      assertThat(many).doesNotContain("model.safetensors");
      model.saveBase(target, 9000);
      assertThat(names(target)).hasSizeLessThan(many.size());
      assertThat(hash(target)).isEqualTo(hash(origin));
      model.saveBase(target.toString());
      assertThat(names(target))
          .containsExactly("config.json", "model.safetensors", "tokenizer.json");
      model.saveBase(target, 9000);
      assertThat(names(target)).doesNotContain("model.safetensors");
    }
    assertThat(logits(target)).isEqualTo(logits(origin));
  }

  @Test
  void theBaseIsSavedWithoutAdapters() {
    Path origin = TinyModels.copy("tiny-llama", folder.resolve("origin"));
    try (PeftModel model = Peft.load(origin.toString()).adapt(RANDOM)) {
      model.saveBase(folder.resolve("plain").toString());
      model.merge();
      model.saveBase(folder.resolve("while-merged").toString());
      assertThat(hash(folder.resolve("plain"))).isEqualTo(hash(origin));
      assertThat(hash(folder.resolve("while-merged"))).isEqualTo(hash(origin));
      model.unmerge();
      float[] adapted = logits(model);
      model.mergeAndUnload();
      model.saveBase(folder.resolve("settled").toString());
      assertThat(logits(folder.resolve("settled"))).isEqualTo(logits(model));
      for (int i = 0; i < adapted.length; i++) {
        assertThat(logits(model)[i]).isCloseTo(adapted[i], within(1e-5f));
      }
    }
  }

  @ParameterizedTest
  @CsvSource({"FLOAT32, F32", "BFLOAT16, BF16", "FLOAT16, F16", "FLOAT64, F64"})
  void tensorsHaveTheTypeThatConfigJsonSays(Precision precision, DType type) {
    Path origin = TinyModels.copy("tiny-llama", folder.resolve("origin"));
    Path saved = folder.resolve("saved");
    try (PeftModel model = Peft.from(origin).precision(precision).load().adapt(RANDOM)) {
      model.saveMerged(saved.toString());
      try (TensorSource source = ModelWeights.open(saved)) {
        assertThat(source.names()).allMatch(name -> source.info(name).dtype() == type);
      }
      try (PeftModel again = Peft.from(saved).precision(precision).load()) {
        model.merge();
        assertThat(logits(again)).isEqualTo(logits(model));
      }
    }
    assertThat(JsonFile.read(saved.resolve("config.json")).get("dtype").getAsString())
        .isEqualTo(precision.name().toLowerCase(Locale.ROOT));
  }

  /** A folder stands where the last file should go: the earlier model stays whole. */
  @Test
  void aFailureInTheMiddleLeavesTheEarlierModel() throws IOException {
    Path origin = TinyModels.copy("tiny-llama", folder.resolve("origin"));
    Path target = TinyModels.copy("tiny-llama", folder.resolve("target"));
    Files.delete(target.resolve("tokenizer.json"));
    Files.createDirectories(target.resolve("tokenizer.json"));
    List<String> before = names(target);
    try (PeftModel model = Peft.load(origin.toString()).adapt(RANDOM)) {
      for (long largest : new long[] {5000, 1 << 30}) {
        assertThatThrownBy(() -> model.saveMerged(target, largest))
            .isInstanceOf(UncheckedIOException.class)
            .hasMessageContainingAll("tokenizer.json", "unchanged");
        assertThat(names(target)).isEqualTo(before);
        assertThat(hash(target)).isEqualTo(hash(origin));
      }
      assertThatThrownBy(() -> model.saveMerged(folder.resolve("none"), 0))
          .hasMessageContaining("0 bytes; expected 1 byte or more");
    }
    assertThat(folder.resolve("none")).doesNotExist();
  }

  private Path renamed(String model, UnaryOperator<String> rule) throws IOException {
    Path target = TinyModels.copy(model, folder.resolve(model));
    SafetensorsWriter writer = new SafetensorsWriter();
    try (TensorSource source = ModelWeights.open(TinyModels.golden(model))) {
      TensorSource renamed = RenamedTensors.by(source, rule);
      assertThat(renamed.names()).isNotEqualTo(source.names()).hasSameSizeAs(source.names());
      Files.delete(target.resolve("model.safetensors"));
      writer.addAll(renamed).write(target.resolve("model.safetensors"));
    }
    return target;
  }

  @Test
  void gammaAndBetaOfTheFirstBerts() throws IOException {
    Path old =
        renamed(
            "tiny-bert",
            name ->
                name.replace("LayerNorm.weight", "LayerNorm.gamma")
                    .replace("LayerNorm.bias", "LayerNorm.beta"));
    assertThat(logits(old)).isEqualTo(logits(TinyModels.golden("tiny-bert")));
    try (PeftModel model = Peft.load(old.toString())) {
      model.saveBase(folder.resolve("saved").toString());
    }
    assertThat(hash(folder.resolve("saved"))).isEqualTo(hash(TinyModels.golden("tiny-bert")));
  }

  @Test
  void bothNamesOfATensorAreRefused() throws IOException {
    Path model = TinyModels.copy("tiny-bert", folder.resolve("both"));
    try (TensorSource source = ModelWeights.open(TinyModels.golden("tiny-bert"))) {
      new SafetensorsWriter()
          .addAll(source)
          .add("bert.embeddings.LayerNorm.gamma", new long[] {1}, 1)
          .write(model.resolve("model.safetensors"));
    }
    assertThatThrownBy(() -> Peft.load(model.toString()))
        .hasMessageContainingAll(
            "bert.embeddings.LayerNorm.gamma", "are both read as", "remove one of them");
  }

  /** As transformers does for every tensor: the body's prefix may be missing or too much. */
  @ParameterizedTest
  @ValueSource(strings = {"missing", "too much"})
  void thePrefixOfTheBodyMayDiffer(String how) throws IOException {
    Path other =
        renamed(
            "tiny-llama-classifier",
            name -> {
              if (how.equals("missing")) {
                return name.replaceFirst("^model\\.", "");
              }
              return name.startsWith("model.") ? name : "model." + name;
            });
    assertThat(logits(other)).isEqualTo(logits(TinyModels.golden("tiny-llama-classifier")));
  }
}
