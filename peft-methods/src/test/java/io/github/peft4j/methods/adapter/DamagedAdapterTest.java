package io.github.peft4j.methods.adapter;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.github.peft4j.Peft;
import io.github.peft4j.PeftModel;
import io.github.peft4j.adapter.files.PeftFolder;
import io.github.peft4j.io.DType;
import io.github.peft4j.io.FileGroup;
import io.github.peft4j.io.TensorInfo;
import io.github.peft4j.io.safetensors.Safetensors;
import io.github.peft4j.io.safetensors.SafetensorsWriter;
import io.github.peft4j.kernel.Tensors;
import io.github.peft4j.methods.lora.LoraConfig;
import io.github.peft4j.methods.ptuning.PTuningConfig;
import io.github.peft4j.methods.shira.ShiraConfig;
import io.github.peft4j.transformer.pass.ModelInput;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.ByteBuffer;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardCopyOption;
import java.util.Arrays;
import java.util.List;
import java.util.Map;
import java.util.TreeMap;
import java.util.function.BiConsumer;
import java.util.stream.Stream;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

/** What does not fit is refused with what does not, and leaves the model as it was. */
class DamagedAdapterTest {

  private static final String A = "base_model.model.model.layers.0.self_attn.q_proj.lora_A.weight";

  @TempDir Path temporary;
  private Path folder;
  private Path config;
  private Path weights;

  private static PeftModel llama() {
    return Peft.load(TinyModels.golden("tiny-llama").toString());
  }

  @BeforeEach
  void save() {
    folder = temporary.resolve("adapter");
    config = folder.resolve("adapter_config.json");
    weights = folder.resolve("adapter_model.safetensors");
    try (PeftModel model = llama()) {
      model.adapt(LoraConfig.ofRank(2).targetModules("q_proj")).save(folder.toString());
    }
  }

  private void assertRefused(String... parts) {
    try (PeftModel model = llama()) {
      float[] before = logits(model);
      assertThatThrownBy(() -> model.loadAdapter(folder.toString()))
          .hasMessageContainingAll(parts)
          .isInstanceOf(RuntimeException.class);
      assertThat(model.adapters()).isEmpty();
      assertThat(logits(model)).isEqualTo(before);
    }
  }

  private static float[] logits(PeftModel model) {
    try (var logits =
        model.logits(ModelInput.of(model.base().manager(), new long[][] {{3, 4, 5}}, null))) {
      return Tensors.floats(logits);
    }
  }

  /** Writes the weights anew. */
  private void rewrite(BiConsumer<Safetensors, SafetensorsWriter> change) throws IOException {
    Path copy = temporary.resolve("copy.safetensors");
    SafetensorsWriter writer = new SafetensorsWriter();
    try (Safetensors source = Safetensors.open(weights)) {
      change.accept(source, writer);
      writer.write(copy);
    }
    Files.move(copy, weights, StandardCopyOption.REPLACE_EXISTING);
  }

  @Test
  void truncatedFiles() throws IOException {
    byte[] whole = Files.readAllBytes(weights);
    for (int length : new int[] {0, 7, 40, whole.length / 2, whole.length - 1}) {
      Files.write(weights, Arrays.copyOf(whole, length));
      assertRefused(weights.toString());
    }
    Files.write(weights, whole);
    String text = Files.readString(config);
    Files.writeString(config, text.substring(0, text.length() / 2));
    assertRefused(config.toString(), "not valid JSON");
    Files.writeString(config, "");
    assertRefused(config.toString(), "expected a JSON object");
  }

  @ParameterizedTest
  @CsvSource({
    "'\"r\": 2', '\"r\": NaN', 'r'",
    "'\"r\": 2', '\"r\": 0', 'r'",
    "'\"r\": 2', '\"r\": 2.5', 'r'",
    "'\"r\": 2', '\"r\": null', 'r'",
    "'\"r\": 2', '\"r\": \"two\"', 'r'",
    "'\"lora_alpha\": 8', '\"lora_alpha\": NaN', 'lora_alpha'",
    "'\"lora_alpha\": 8', '\"lora_alpha\": 1e999', 'lora_alpha'",
    "'\"lora_dropout\": 0.0', '\"lora_dropout\": -Infinity', 'lora_dropout'",
    "'\"lora_dropout\": 0.0', '\"lora_dropout\": 1.0', 'lora_dropout'",
    "'\"use_dora\": false', '\"use_dora\": \"no\"', 'use_dora'",
    "'\"bias\": \"none\"', '\"bias\": null', 'bias'",
    "'\"peft_type\": \"LORA\"', '\"peft_type\": {}', 'peft_type'",
  })
  void valuesOfTheConfigThatMakeNoSense(String from, String to, String field) throws IOException {
    String text = Files.readString(config);
    assertThat(text).contains(from);
    Files.writeString(config, text.replace(from, to));
    assertRefused("'" + field + "'", "expected");
  }

  @ParameterizedTest
  @CsvSource({
    "'\"modules_to_save\": null', '\"modules_to_save\": [\"(\"]', 'modules_to_save'",
    "'\"rank_pattern\": {}', '\"rank_pattern\": {\"(\": 3}', 'field ''rank_pattern'':'",
    "'\"layers_pattern\": null', '\"layers_pattern\": \"(\", \"layers_to_transform\": [0]', 'layers_pattern'",
  })
  void whatIsNoRegularExpression(String from, String to, String field) throws IOException {
    String text = Files.readString(config).replaceAll("\\s*\"layers_to_transform\": null,", "");
    assertThat(text).contains(from);
    Files.writeString(config, text.replace(from, to));
    assertRefused(config.toString(), field + " \"(\" is not a regular expression");
  }

  @Test
  void noPatternMeansNone() throws IOException {
    String text = Files.readString(config);
    Files.writeString(config, text.replace("\"rank_pattern\": {}", "\"rank_pattern\": null"));
    try (PeftModel model = llama()) {
      assertThat(model.loadAdapter(folder.toString()).adapters()).hasSize(1);
    }
  }

  @Test
  void numbersThatAreNone() throws IOException {
    rewrite(
        (source, writer) ->
            source
                .names()
                .forEach(
                    name -> {
                      float[] values = source.floats(name);
                      values[1] = name.equals(A) ? Float.NaN : values[1];
                      writer.add(name, source.info(name).shape(), values);
                    }));
    assertRefused(weights.toString(), A, "NaN at element 1");
  }

  @Test
  void placesBeyondTheWeight() throws IOException {
    try (PeftModel model = llama()) {
      model.adapt(ShiraConfig.ofRank(1).targetModules("q_proj")).save(folder.toString());
    }
    rewrite(
        (source, writer) ->
            source
                .names()
                .forEach(
                    name -> {
                      if (name.endsWith("shira_indices")) {
                        long count = source.info(name).elementCount();
                        writer.add(
                            source.info(name),
                            sink ->
                                sink.accept(ByteBuffer.allocate(4 * (int) count).put(3, (byte) 1)));
                      } else {
                        writer.add(name, source.info(name).shape(), source.floats(name));
                      }
                    }));
    assertRefused("shira_indices", "row 16777216");
  }

  @Test
  void anotherRank() throws IOException {
    Files.writeString(config, Files.readString(config).replace("\"r\": 2", "\"r\": 3"));
    assertRefused(weights.toString(), A + " has shape [2, 16], the model needs (3, 16)");
  }

  @Test
  void aMissingAndAnUnexpectedTensor() throws IOException {
    rewrite(
        (source, writer) ->
            source
                .names()
                .forEach(
                    name ->
                        writer.add(
                            name.equals(A) ? "base_model.model.nowhere" : name,
                            source.info(name).shape(),
                            source.floats(name))));
    assertRefused(A + " is missing", "base_model.model.nowhere finds no place");
  }

  @Test
  void anotherKindOfNumber() throws IOException {
    rewrite(
        (source, writer) -> {
          for (String name : source.names()) {
            if (name.equals(A)) {
              writer.add(
                  new TensorInfo(name, DType.I32, source.info(name).shape()),
                  sink -> source.read(name, sink));
            } else {
              writer.add(name, source.info(name).shape(), source.floats(name));
            }
          }
        });
    assertRefused(A + " is of type I32, the model needs float32");
  }

  @Test
  void anotherArchitecture() {
    try (PeftModel bert = Peft.load(TinyModels.golden("tiny-bert").toString())) {
      assertThatThrownBy(() -> bert.loadAdapter(folder.toString()))
          .hasMessageContaining("match no module");
      assertThat(bert.adapters()).isEmpty();
    }
  }

  @Test
  void anEncoderOfAnotherPrompt() throws IOException {
    Path first = temporary.resolve("first");
    Path second = temporary.resolve("second");
    for (Path each : List.of(first, second)) {
      try (PeftModel model =
          Peft.from(TinyModels.golden("tiny-llama"))
              .seed(each.equals(first) ? 1 : 2)
              .load()
              .adapt(PTuningConfig.ofVirtualTokens(2))) {
        model.save(each.toString());
      }
    }
    String beside = "peft4j_training.safetensors";
    try (PeftModel model = llama()) {
      model.loadAdapter(first.toString());
    }
    Files.copy(second.resolve(beside), first.resolve(beside), StandardCopyOption.REPLACE_EXISTING);
    folder = first;
    assertRefused(beside, "belongs to an adapter_model.safetensors", "delete");
    Files.delete(first.resolve(beside));
    try (PeftModel model = llama()) {
      model.loadAdapter(first.toString());
    }
  }

  private Map<String, byte[]> content() throws IOException {
    Map<String, byte[]> content = new TreeMap<>();
    try (Stream<Path> files = Files.list(folder)) {
      for (Path file : files.toList()) {
        content.put(file.getFileName().toString(), Files.readAllBytes(file));
      }
    }
    return content;
  }

  @Test
  void aFullDiskLeavesTheFormerAdapter() throws IOException {
    Map<String, byte[]> before = content();
    long size = before.values().stream().mapToLong(bytes -> bytes.length).sum();
    try (PeftModel model = llama()) {
      model.adapt(LoraConfig.ofRank(3).targetModules("v_proj"));
      for (long free : new long[] {0, 100, size / 2, size - 600, size - 1}) {
        try (FileGroup files = FullDisk.with(free, folder)) {
          assertThatThrownBy(
                  () ->
                      new PeftFolder()
                          .write(
                              files,
                              model.adapter("default"),
                              model.base(),
                              model.provenance("default")))
              .isInstanceOf(UncheckedIOException.class)
              .hasMessageContainingAll(folder.toString(), "No space left", "unchanged");
        }
        Map<String, byte[]> after = content();
        assertThat(after.keySet()).isEqualTo(before.keySet());
        before.forEach((name, bytes) -> assertThat(after.get(name)).as(name).isEqualTo(bytes));
      }
    }
    try (PeftModel model = llama()) {
      model.loadAdapter(folder.toString());
    }
  }
}
