package io.github.peft4j.methods.fisher;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.github.peft4j.Peft;
import io.github.peft4j.PeftModel;
import io.github.peft4j.data.batch.Batch;
import io.github.peft4j.data.batch.EncodedExample.Alignment;
import io.github.peft4j.io.TensorSource;
import io.github.peft4j.io.safetensors.Safetensors;
import io.github.peft4j.kernel.Tensors;
import io.github.peft4j.methods.adapter.TinyModels;
import io.github.peft4j.methods.childtuning.ChildTuningConfig;
import io.github.peft4j.methods.common.sparse.SparseEntries;
import io.github.peft4j.methods.fish.FishConfig;
import io.github.peft4j.methods.lora.LoraConfig;
import io.github.peft4j.methods.train.Trainings;
import io.github.peft4j.train.FineTuner;
import io.github.peft4j.train.report.StepEvent;
import io.github.peft4j.train.report.TrainingListener;
import java.net.URISyntaxException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

class FisherTest {

  private static final double RATIO = 0.3; // that of make_sparse.py

  @TempDir Path folder;

  private static TensorSource golden(String name) {
    try {
      return Safetensors.open(
          Path.of(
              Objects.requireNonNull(FisherTest.class.getResource("/golden-sparse/" + name))
                  .toURI()));
    } catch (URISyntaxException e) {
      throw new IllegalStateException(e);
    }
  }

  private static List<Batch> batches(TensorSource source, Alignment alignment) {
    long[] ids = source.longs("input_ids");
    long[] labels = source.longs("labels");
    int count = (int) source.info("input_ids").shape()[0];
    List<Batch> batches = new ArrayList<>();
    for (int i = 0; i < count; i++) {
      long[][] mask = {new long[ids.length / count]};
      Arrays.fill(mask[0], 1);
      batches.add(
          new Batch(
              new long[][] {row(ids, count, i)},
              mask,
              null,
              new long[][] {row(labels, count, i)},
              alignment));
    }
    return batches;
  }

  private static long[] row(long[] flat, int rows, int index) {
    int width = flat.length / rows;
    return Arrays.copyOfRange(flat, index * width, (index + 1) * width);
  }

  private static Map<String, int[]> chosen(PeftModel model) {
    Map<String, int[]> chosen = new LinkedHashMap<>();
    model
        .adapter("default")
        .rewrites()
        .forEach(
            rewrite -> {
              if (rewrite.layer() instanceof SparseEntries layer) {
                chosen.put(layer.site().name(), layer.indices());
              }
            });
    return chosen;
  }

  /** The entries are those that a loop over single examples in Python finds. */
  @ParameterizedTest
  @CsvSource({
    "tiny-bert, TEXT, LABEL, SQUARE",
    "tiny-bert, TEXT, LABEL, ABSOLUTE",
    "tiny-bert, TEXT, EXPECT, SQUARE",
    "tiny-llama, TOKEN, LABEL, SQUARE"
  })
  void theEntriesAreThoseOfThePaper(
      String name, Alignment alignment, SampleType labels, GradType part) {
    String prefix = labels.json() + "-" + part.json() + ".";
    try (TensorSource source = golden("fisher-" + name + ".safetensors");
        PeftModel model = Peft.load(TinyModels.golden(name).toString())) {
      model.adapt("other", LoraConfig.ofRank(2));
      FishConfig config = FishConfig.ofRatio(RATIO).sampleType(labels).gradType(part);
      Fisher.of(config).adapt("default", model, batches(source, alignment));
      assertThat(model.adapters().keySet()).containsExactly("other", "default");
      Map<String, int[]> mine = chosen(model);
      List<String> names =
          source.names().stream()
              .filter(n -> n.startsWith(prefix))
              .map(n -> n.substring(prefix.length()))
              .toList();
      assertThat(mine.keySet()).containsExactlyInAnyOrderElementsOf(names);
      names.forEach(
          n ->
              assertThat(mine.get(n))
                  .as(n)
                  .containsExactly(
                      Arrays.stream(source.longs(prefix + n)).mapToInt(i -> (int) i).toArray()));
    }
  }

  private PeftModel llama() {
    Path base = folder.resolve("llama");
    if (!Files.exists(base)) {
      TinyModels.copy("tiny-llama", base);
    }
    return Peft.load(base.toString());
  }

  @Test
  void labelsOfTokensAreDrawnFromTheModel() {
    FishConfig drawn = FishConfig.ofRatio(0.1).sampleType(SampleType.EXPECT).numSamples(8);
    try (PeftModel first = llama();
        PeftModel second = llama();
        PeftModel other = llama()) {
      Map<String, int[]> chosen = chosen(Fisher.of(drawn).adapt(first, Trainings.echoes(5)));
      assertThat(chosen(Fisher.of(drawn).adapt(second, Trainings.echoes(5))).toString().isEmpty())
          .isFalse();
      chosen.forEach((name, places) -> assertThat(chosen(second).get(name)).isEqualTo(places));
      Map<String, int[]> empirical =
          chosen(Fisher.of(drawn.sampleType(SampleType.LABEL)).adapt(other, Trainings.echoes(5)));
      assertThat(empirical.values().stream().mapToInt(p -> p.length).sum())
          .isEqualTo(chosen.values().stream().mapToInt(p -> p.length).sum());
      assertThat(flat(empirical)).isNotEqualTo(flat(chosen));
    }
  }

  private static List<String> flat(Map<String, int[]> chosen) {
    return chosen.entrySet().stream().map(e -> e.getKey() + Arrays.toString(e.getValue())).toList();
  }

  /** Killed between two checkpoints; the mask is chosen again from the same examples. */
  @ParameterizedTest
  @CsvSource({"fish", "child-f", "child-d"})
  void aResumedTrainingEndsAsOneThatNeverStopped(String method) {
    Path run = folder.resolve("run");
    try (PeftModel whole = adapted(method);
        PeftModel killed = adapted(method);
        PeftModel resumed = adapted(method)) {
      List<Double> losses = tuner(whole).run().losses();
      assertThat(losses.get(11)).isNotEqualTo(losses.get(0));
      TrainingListener killer =
          new TrainingListener() {
            @Override
            public void onStep(StepEvent event) {
              if (event.step() == 7) {
                throw new Killed();
              }
            }
          };
      assertThatThrownBy(
              () -> tuner(killed).checkpointTo(run).checkpointEvery(5).listener(killer).run())
          .isInstanceOf(Killed.class);
      assertThat(tuner(resumed).checkpointTo(run).run().losses()).isEqualTo(losses);
      resumed
          .adapter("default")
          .tensors()
          .forEach(
              (name, tensor) ->
                  assertThat(Tensors.floats(tensor.value()))
                      .as(name)
                      .isEqualTo(
                          Tensors.floats(
                              Objects.requireNonNull(whole.adapter("default").tensors().get(name))
                                  .value())));
    }
  }

  private static final class Killed extends Error {
    private static final long serialVersionUID = 1L;
  }

  private PeftModel adapted(String method) {
    return switch (method) {
      case "fish" ->
          Fisher.of(FishConfig.ofRatio(0.05).numSamples(8)).adapt(llama(), Trainings.echoes(5));
      case "child-d" -> Fisher.of(ChildTuningConfig.driven()).adapt(llama(), Trainings.echoes(5));
      default -> llama().adapt(ChildTuningConfig.free());
    };
  }

  private static FineTuner tuner(PeftModel model) {
    return FineTuner.of(model)
        .on(Trainings.echoes(5))
        .steps(12)
        .batchSize(4)
        .learningRate(1e-2)
        .quiet();
  }

  @Test
  void nothingIsLeftInMemory() {
    try (PeftModel model = llama()) {
      FishConfig config = FishConfig.ofRatio(0.05).numSamples(4);
      Fisher.of(config).adapt(model, Trainings.echoes(5)).remove("default");
      long before = Tensors.live();
      Fisher.of(config).adapt(model, Trainings.echoes(5)).remove("default");
      assertThat(Tensors.live()).isEqualTo(before);
    }
  }

  @Test
  void whatCannotBeChosenIsRefused() {
    try (PeftModel model = llama()) {
      assertThatThrownBy(() -> model.adapt(FishConfig.defaults()))
          .hasMessageContaining("Fisher.of(config).adapt(model, examples)");
      assertThatThrownBy(() -> Fisher.of(FishConfig.defaults().random()))
          .hasMessageContaining("model.adapt(config)");
      assertThatThrownBy(
              () ->
                  Fisher.of(FishConfig.ofRatio(0.01).modulesToSave("embed_tokens"))
                      .adapt(model, Trainings.echoes(5)))
          .hasMessageContaining("keep_ratio")
          .hasMessageContaining("trained whole");
      assertThat(model.adapters()).isEmpty();
      model.adapt(FishConfig.defaults().entries(Map.of("model.norm.weight", 3)));
      assertThatThrownBy(() -> model.generate("w5"))
          .hasMessageContaining("model.norm.weight")
          .hasMessageContaining("not chosen");
    }
  }
}
