package io.github.peft4j.methods.lora.eva;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import com.google.gson.JsonObject;
import com.google.gson.JsonParser;
import io.github.peft4j.Peft;
import io.github.peft4j.PeftModel;
import io.github.peft4j.data.Examples;
import io.github.peft4j.data.TextExample;
import io.github.peft4j.data.batch.Batch;
import io.github.peft4j.data.batch.EncodedExample.Alignment;
import io.github.peft4j.io.TensorSource;
import io.github.peft4j.io.safetensors.Safetensors;
import io.github.peft4j.kernel.Tensors;
import io.github.peft4j.methods.adapter.TinyModels;
import io.github.peft4j.methods.lora.LoraConfig;
import io.github.peft4j.methods.lora.init.EvaConfig;
import io.github.peft4j.tuner.Trainable;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.HashSet;
import java.util.List;
import java.util.Objects;
import java.util.Set;
import java.util.stream.IntStream;
import org.assertj.core.data.Offset;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

class EvaTest {

  private static final LoraConfig CONFIG =
      LoraConfig.ofRank(4)
          .loraAlpha(8)
          .targetModules("all-linear")
          .evaConfig(new EvaConfig(2, 0.9, true, -100, false, true));

  @TempDir Path folder;

  private static long[][] rows(TensorSource source, String name) {
    long[] flat = source.longs(name);
    int width = (int) source.info(name).shape()[1];
    return IntStream.range(0, flat.length / width)
        .mapToObj(i -> Arrays.copyOfRange(flat, i * width, (i + 1) * width))
        .toArray(long[][]::new);
  }

  private static Batch withoutLabels(Batch batch) {
    long[][] none = new long[batch.size()][batch.length()];
    for (long[] row : none) {
      Arrays.fill(row, -100);
    }
    return new Batch(batch.inputIds(), batch.attentionMask(), null, none, batch.alignment());
  }

  /** The same batches give the ranks, alphas and directions that PEFT found. */
  @ParameterizedTest
  @CsvSource({
    "tiny-llama, TOKEN, model.layers.1.mlp.down_proj",
    "tiny-t5, TARGET, decoder.block.1.layer.2.DenseReluDense.wo"
  })
  void ranksAndDirectionsAreThoseOfPeft(String name, Alignment alignment, String module)
      throws IOException {
    Path base = TinyModels.golden(name);
    Path golden = base.resolve("lora-eva");
    try (TensorSource source = Safetensors.open(golden.resolve("eva.safetensors"));
        PeftModel model = Peft.load(base.toString())) {
      List<Batch> batches = new ArrayList<>();
      for (int i = 0; i < 3; i++) {
        batches.add(
            new Batch(
                rows(source, i + ".input_ids"),
                rows(source, i + ".attention_mask"),
                null,
                rows(source, i + ".labels"),
                alignment));
      }
      Batch silent = withoutLabels(batches.get(1));
      assertThatThrownBy(() -> Eva.of(CONFIG).adapt("none", model, List.of(silent)))
          .hasMessageContaining("no example has a token that EVA may read");
      batches.add(0, silent);
      Eva.of(CONFIG).adapt(PeftModel.DEFAULT, model, batches);
      JsonObject mine =
          JsonParser.parseString(model.adapter(PeftModel.DEFAULT).parts().get(0).configText())
              .getAsJsonObject();
      JsonObject theirs =
          JsonParser.parseString(Files.readString(golden.resolve("adapter_config.json")))
              .getAsJsonObject();
      for (String field : List.of("rank_pattern", "init_lora_weights", "eva_config")) {
        assertThat(mine.get(field)).as(field).isEqualTo(theirs.get(field));
      }
      Set<String> reached = new HashSet<>();
      model
          .adapter(PeftModel.DEFAULT)
          .tensors()
          .forEach(
              (key, tensor) -> {
                if (key.contains("lora_A")) {
                  reached.add(key);
                  String golds = key.replace(".weight", ".default.weight");
                  assertThat(tensor.value().getShape().getShape())
                      .as(key)
                      .isEqualTo(source.info(golds).shape());
                  assertThat(Tensors.floats(tensor.value()))
                      .as(key)
                      .containsExactly(source.floats(golds), Offset.offset(1e-4f));
                }
              });
      assertThat(reached)
          .hasSize((int) source.names().stream().filter(n -> n.contains("lora_A")).count());
      double scale = ((LoraConfig) model.adapter("default").config()).ranks().scaleOf(module);
      assertThat(scale).isEqualTo(2);
    }
  }

  /** What is padded in prompts and answers, each by a length of its own, changes nothing. */
  @Test
  void paddingDoesNotCount() {
    Path base = TinyModels.golden("tiny-t5");
    try (TensorSource source = Safetensors.open(base.resolve("lora-eva/eva.safetensors"));
        PeftModel model = Peft.load(base.toString())) {
      List<Batch> batches = new ArrayList<>();
      List<Batch> padded = new ArrayList<>();
      for (int i = 0; i < 3; i++) {
        long[][] ids = rows(source, i + ".input_ids");
        long[][] mask = rows(source, i + ".attention_mask");
        long[][] labels = rows(source, i + ".labels");
        batches.add(new Batch(ids, mask, null, labels, Alignment.TARGET));
        padded.add(
            new Batch(
                widened(ids, 2, 0),
                widened(mask, 2, 0),
                null,
                widened(labels, 5, -100),
                Alignment.TARGET));
      }
      Eva.of(CONFIG).adapt("full", model, batches);
      Eva.of(CONFIG).adapt("padded", model, padded);
      assertThat(model.adapter("padded").parts().get(0).configText())
          .isEqualTo(model.adapter("full").parts().get(0).configText());
      List<Trainable> expected = model.adapter("full").trainables();
      List<Trainable> found = model.adapter("padded").trainables();
      for (int i = 0; i < expected.size(); i++) {
        assertThat(Tensors.floats(found.get(i).value()))
            .as(expected.get(i).key())
            .containsExactly(Tensors.floats(expected.get(i).value()), Offset.offset(1e-4f));
      }
    }
  }

  private static long[][] widened(long[][] rows, int by, long filler) {
    return Arrays.stream(rows)
        .map(
            row -> {
              long[] wider = Arrays.copyOf(row, row.length + by);
              Arrays.fill(wider, row.length, wider.length, filler);
              return wider;
            })
        .toArray(long[][]::new);
  }

  @Test
  void examplesComeThroughTheTokenizer() {
    Path base = TinyModels.copy("tiny-llama", folder.resolve("llama"));
    List<TextExample> texts =
        IntStream.range(0, 40)
            .mapToObj(
                i -> new TextExample("w" + (3 + i % 30) + " w" + (5 + i % 17) + " w" + (4 + i % 9)))
            .toList();
    try (PeftModel model = Peft.load(base.toString())) {
      Eva.of(LoraConfig.ofRank(2)).adapt(model, Examples.of(texts));
      int ranks =
          model.adapter("default").trainables().stream()
              .filter(tensor -> tensor.key().startsWith("lora_A"))
              .mapToInt(tensor -> (int) tensor.value().getShape().get(0))
              .sum();
      assertThat(ranks).isEqualTo(2 * 4); // two layers with queries and values
      for (Trainable tensor : model.trainables()) {
        float largest = 0;
        for (float value : Tensors.floats(tensor.value())) {
          largest = Math.max(largest, Math.abs(value));
        }
        assertThat(largest > 0).as(tensor.key()).isEqualTo(tensor.key().startsWith("lora_A"));
      }
      assertThat(model.adapters()).hasSize(1);
      assertThatThrownBy(() -> Eva.of(CONFIG).batchSize(0))
          .hasMessageContaining("batchSize is 0; expected 1 or more");
      assertThatThrownBy(() -> Eva.of(LoraConfig.ofRank(9)).adapt("big", model, Examples.of(texts)))
          .hasMessageContaining("directions in the inputs of model.layers.0.self_attn.q_proj");
      assertThatThrownBy(() -> Eva.of(LoraConfig.ofRank(2)).adapt(model, Examples.of(texts)))
          .hasMessageContaining("'default' already");
      assertThat(model.active().adapters()).containsExactly("default");
      assertThat(Objects.requireNonNull(model.adapter("default")).rewrites()).isNotEmpty();
    }
  }
}
