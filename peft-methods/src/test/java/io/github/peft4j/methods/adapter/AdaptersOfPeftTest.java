package io.github.peft4j.methods.adapter;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.assertj.core.api.Assertions.within;

import io.github.peft4j.Peft;
import io.github.peft4j.PeftModel;
import io.github.peft4j.io.TensorSource;
import io.github.peft4j.io.safetensors.Safetensors;
import io.github.peft4j.io.safetensors.SafetensorsWriter;
import io.github.peft4j.kernel.Tensors;
import io.github.peft4j.methods.lora.LoraConfig;
import io.github.peft4j.methods.lora.init.LoraInitialization;
import io.github.peft4j.transformer.pass.ModelInput;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardCopyOption;
import java.util.Set;
import java.util.TreeSet;
import java.util.function.UnaryOperator;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;

/** Files of Hugging Face PEFT that hold more or other names than the model alone would have. */
class AdaptersOfPeftTest {

  private static final String WEIGHTS = "adapter_model.safetensors";
  private static final String PREFIX = "base_model.model.";

  @TempDir Path folder;

  private static float[] logits(PeftModel model) {
    long[][] ids = {{3, 4, 5, 6}, {7, 8, 9, 0}};
    try (var logits = model.logits(ModelInput.of(model.base().manager(), ids, null))) {
      return Tensors.floats(logits);
    }
  }

  private static void assertClose(float[] actual, float... expected) {
    assertThat(actual).hasSameSizeAs(expected);
    for (int i = 0; i < actual.length; i++) {
      assertThat(actual[i]).isCloseTo(expected[i], within(1e-5f));
    }
  }

  private static void add(SafetensorsWriter writer, TensorSource source, String name, String as) {
    writer.add(as, source.info(name).shape(), source.floats(name));
  }

  private static void rename(Path adapter, UnaryOperator<String> names) throws IOException {
    Path file = adapter.resolve(WEIGHTS);
    SafetensorsWriter writer = new SafetensorsWriter();
    try (Safetensors source = Safetensors.open(file)) {
      source.names().forEach(name -> add(writer, source, name, names.apply(name)));
      writer.write(adapter.resolve("renamed"));
    }
    Files.move(adapter.resolve("renamed"), file, StandardCopyOption.REPLACE_EXISTING);
  }

  private static Set<String> names(Path adapter) {
    try (Safetensors source = Safetensors.open(adapter.resolve(WEIGHTS))) {
      return new TreeSet<>(source.names());
    }
  }

  /** An adapter with random tensors, and what the model computes with it. */
  private float[] save(String model, String... targets) {
    LoraConfig config = LoraConfig.ofRank(2).initLoraWeights(LoraInitialization.RANDOM);
    try (PeftModel peft =
        Peft.load(TinyModels.golden(model).toString())
            .adapt(targets.length == 0 ? config : config.targetModules(targets))) {
      peft.save(folder.toString());
      return logits(peft);
    }
  }

  @ParameterizedTest
  @CsvSource({"tiny-llama, model.", "tiny-gpt2-left, transformer."})
  void anAdapterOfAModelWithoutAHead(String model, String root) throws IOException {
    float[] expected = save(model);
    rename(folder, name -> name.replace(PREFIX + root, PREFIX));
    Path config = folder.resolve("adapter_config.json");
    Files.writeString(config, Files.readString(config).replace("CAUSAL_LM", "FEATURE_EXTRACTION"));
    Set<String> names = names(folder);
    assertThat(names).noneMatch(name -> name.startsWith(PREFIX + root));
    Path again = folder.resolve("again");
    try (PeftModel peft = Peft.load(TinyModels.golden(model).toString())) {
      peft.loadAdapter(folder.toString());
      assertThat(logits(peft)).isEqualTo(expected);
      peft.save(again.toString());
    }
    assertThat(names(again)).as("as AutoModel has them").isEqualTo(names);
    assertThat(again.resolve("adapter_config.json")).content().contains("FEATURE_EXTRACTION");
  }

  @Test
  void anEncodersAdapterWithoutAHead() throws IOException {
    save("tiny-bert");
    rename(folder, name -> name.replace(PREFIX + "bert.", PREFIX));
    assertThatThrownBy(
            () ->
                Peft.load(TinyModels.golden("tiny-bert").toString()).loadAdapter(folder.toString()))
        .as("a classifier stands in no model without a head")
        .hasMessageContaining("finds no place");
    SafetensorsWriter writer = new SafetensorsWriter();
    try (Safetensors source = Safetensors.open(folder.resolve(WEIGHTS))) {
      source.names().stream()
          .filter(name -> !name.contains("classifier"))
          .forEach(name -> add(writer, source, name, name));
      writer.write(folder.resolve("less"));
    }
    Files.move(
        folder.resolve("less"), folder.resolve(WEIGHTS), StandardCopyOption.REPLACE_EXISTING);
    Path config = folder.resolve("adapter_config.json");
    Files.writeString(
        config,
        Files.readString(config)
            .replace("SEQ_CLS", "FEATURE_EXTRACTION")
            .replaceFirst("\"modules_to_save\": \\[[^]]*]", "\"modules_to_save\": null"));
    Set<String> names = names(folder);
    try (PeftModel peft = Peft.load(TinyModels.golden("tiny-bert").toString())) {
      float[] plain = logits(peft);
      peft.loadAdapter(folder.toString());
      assertThat(logits(peft)).isNotEqualTo(plain);
      peft.save(folder.resolve("again").toString());
    }
    assertThat(names(folder.resolve("again"))).isEqualTo(names);
  }

  /** Adds token tables to the adapter's file and makes a base that has them as its own. */
  private Path bringTables(Path adapter, int rows, String... tables) throws IOException {
    Path golden = TinyModels.golden("tiny-llama");
    Path base = Files.createDirectories(adapter.resolve("base"));
    SafetensorsWriter brought = new SafetensorsWriter();
    SafetensorsWriter changed = new SafetensorsWriter();
    try (Safetensors own = Safetensors.open(adapter.resolve(WEIGHTS));
        Safetensors model = Safetensors.open(golden.resolve("model.safetensors"))) {
      own.names().forEach(name -> add(brought, own, name, name));
      Set<String> all = new TreeSet<>(model.names());
      all.addAll(Set.of(tables));
      for (String name : all) {
        String source = model.names().contains(name) ? name : "model.embed_tokens.weight";
        float[] values = model.floats(source);
        long[] shape = model.info(source).shape();
        if (Set.of(tables).contains(name)) {
          for (int i = 0; i < values.length; i++) {
            values[i] += (i % 7) * 0.01f;
          }
          int width = (int) shape[1];
          brought.add(
              PREFIX + name,
              new long[] {rows, width},
              java.util.Arrays.copyOf(values, rows * width));
        }
        changed.add(name, shape, values);
      }
      brought.write(adapter.resolve("brought"));
      changed.write(base.resolve("model.safetensors"));
    }
    Files.move(
        adapter.resolve("brought"), adapter.resolve(WEIGHTS), StandardCopyOption.REPLACE_EXISTING);
    Files.copy(golden.resolve("config.json"), base.resolve("config.json"));
    return base;
  }

  @ParameterizedTest
  @ValueSource(strings = {"model.embed_tokens.weight", "model.embed_tokens.weight lm_head.weight"})
  void tablesThatAFileBringsAreUsed(String tables) throws IOException {
    save("tiny-llama");
    Path plain = Files.createDirectories(folder.resolve("plain"));
    for (String file : new String[] {"adapter_config.json", WEIGHTS}) {
      Files.copy(folder.resolve(file), plain.resolve(file));
    }
    Path base = bringTables(folder, 40, tables.split(" "));
    float[] expected;
    try (PeftModel changed = Peft.load(base.toString()).loadAdapter(plain.toString())) {
      expected = logits(changed);
    }
    Set<String> names = names(folder);
    try (PeftModel model = Peft.load(TinyModels.golden("tiny-llama").toString())) {
      float[] before = logits(model);
      model.loadAdapter(folder.toString());
      assertClose(logits(model), expected);
      assertThat(model.adapter("default").trainables())
          .as("PEFT does not train them")
          .allMatch(tensor -> tensor.key().startsWith("lora_"));
      model.merge();
      assertClose(logits(model), expected);
      model.unmerge();
      model.save(folder.resolve("again").toString());
      assertThat(names(folder.resolve("again"))).isEqualTo(names);
      model.remove("default");
      assertThat(logits(model)).isEqualTo(before);
    }
  }

  @Test
  void tablesOfAnotherSizeAreRefusedWithTheReason() throws IOException {
    save("tiny-llama");
    bringTables(folder, 39, "model.embed_tokens.weight");
    try (PeftModel model = Peft.load(TinyModels.golden("tiny-llama").toString())) {
      assertThatThrownBy(() -> model.loadAdapter(folder.toString()))
          .hasMessageContainingAll("embed_tokens.weight", "39 rows", "has 40", "resizeTokens(39)");
      assertThat(model.adapters()).isEmpty();
    }
  }
}
