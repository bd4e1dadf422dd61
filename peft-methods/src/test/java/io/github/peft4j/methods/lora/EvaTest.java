package io.github.peft4j.methods.lora;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import com.google.gson.JsonObject;
import com.google.gson.JsonParser;
import io.github.peft4j.Peft;
import io.github.peft4j.PeftModel;
import io.github.peft4j.TinyModels;
import io.github.peft4j.data.Batch;
import io.github.peft4j.data.EncodedExample.Alignment;
import io.github.peft4j.data.Examples;
import io.github.peft4j.data.TextExample;
import io.github.peft4j.io.TensorSource;
import io.github.peft4j.kernel.Tensors;
import io.github.peft4j.safetensors.Safetensors;
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

class EvaTest {

  private static final LoraConfig CONFIG =
      LoraConfig.ofRank(4)
          .alpha(8)
          .targetingAllLinear()
          .eva(new EvaConfig(2, 0.9, true, -100, false, true));

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
    return new Batch(batch.inputIds(), batch.attentionMask(), null, none, Alignment.TOKEN);
  }

  /** The same batches give the ranks, alphas and directions that PEFT found. */
  @Test
  void ranksAndDirectionsAreThoseOfPeft() throws IOException {
    Path base = TinyModels.golden("tiny-llama");
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
                Alignment.TOKEN));
      }
      Batch silent = withoutLabels(batches.get(1));
      assertThatThrownBy(() -> Eva.of(CONFIG).adapt("none", model, List.of(silent)))
          .hasMessageContaining("no example has a token that EVA may read");
      batches.add(0, silent);
      Eva.of(CONFIG).adapt(PeftModel.DEFAULT, model, batches);
      JsonObject mine =
          JsonParser.parseString(model.adapter(PeftModel.DEFAULT).configText()).getAsJsonObject();
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
              (name, tensor) -> {
                if (name.contains("lora_A")) {
                  reached.add(name);
                  String golds = name.replace(".weight", ".default.weight");
                  assertThat(tensor.value().getShape().getShape())
                      .as(name)
                      .isEqualTo(source.info(golds).shape());
                  assertThat(Tensors.floats(tensor.value()))
                      .as(name)
                      .containsExactly(source.floats(golds), Offset.offset(1e-4f));
                }
              });
      assertThat(reached).hasSize(14);
      double scale =
          ((LoraConfig) model.adapter("default").config()).scaleOf("model.layers.1.mlp.down_proj");
      assertThat(scale).isEqualTo(2);
    }
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
      assertThat(model.base().sites().anyMatch(site -> site.layers().size() > 1)).isFalse();
      assertThatThrownBy(() -> Eva.of(LoraConfig.ofRank(9)).adapt("big", model, Examples.of(texts)))
          .hasMessageContaining("directions in the inputs of model.layers.0.self_attn.q_proj");
      assertThatThrownBy(() -> Eva.of(LoraConfig.ofRank(2)).adapt(model, Examples.of(texts)))
          .hasMessageContaining("'default' already");
      assertThat(model.active().adapters()).containsExactly("default");
      assertThat(Objects.requireNonNull(model.adapter("default")).rewrites()).isNotEmpty();
    }
  }
}
