package io.github.peft4j.methods.adapter;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.assertj.core.api.Assertions.tuple;

import ai.djl.engine.Engine;
import io.github.peft4j.Peft;
import io.github.peft4j.PeftModel;
import io.github.peft4j.adapter.Provenance;
import io.github.peft4j.data.Dataset;
import io.github.peft4j.data.Examples;
import io.github.peft4j.data.PromptExample;
import io.github.peft4j.io.TensorHash;
import io.github.peft4j.io.safetensors.Safetensors;
import io.github.peft4j.methods.Logged;
import io.github.peft4j.methods.lora.LoraConfig;
import io.github.peft4j.train.FineTuner;
import io.github.peft4j.train.TrainingReport;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class ProvenanceTest {

  private static final Dataset<PromptExample> DATA =
      Examples.of(
          List.of(
              new PromptExample("w3 w4", " w5"),
              new PromptExample("w6", " w7 w8"),
              new PromptExample("w9 w10 w11", " w12")));

  @TempDir Path folder;
  private Path base;
  private Path saved;

  @BeforeEach
  void copyTheModel() {
    base = TinyModels.copy("tiny-llama", folder.resolve("base"));
    saved = folder.resolve("saved");
  }

  private PeftModel load() {
    return Peft.load(base.toString());
  }

  private PeftModel adapted() {
    return load().adapt(LoraConfig.ofRank(2));
  }

  private static FineTuner tuner(PeftModel model) {
    return FineTuner.of(model)
        .on(DATA)
        .validateOn(DATA)
        .steps(4)
        .evaluateEvery(2)
        .batchSize(2)
        .seed(7)
        .learningRate(0.02)
        .quiet();
  }

  /** The same shapes, one number changed. */
  private void changeTheBase() throws IOException {
    Path file = base.resolve("model.safetensors");
    byte[] bytes = Files.readAllBytes(file);
    bytes[bytes.length - 2] ^= 1;
    Files.write(file, bytes);
  }

  @Test
  void anUntrainedAdapterKnowsItsBaseAndVersions() {
    try (PeftModel model = adapted()) {
      model.save(saved.toString());
      Provenance provenance = Provenance.read(saved).orElseThrow();
      try (Safetensors weights = Safetensors.open(base.resolve("model.safetensors"))) {
        assertThat(provenance.baseSha256()).isEqualTo(TensorHash.of(weights)).hasSize(64);
      }
      assertThat(provenance.baseModel()).isEqualTo(base.toString());
      assertThat(provenance.trainings()).isEmpty();
      assertThat(provenance.versions()).containsKeys("peft4j", "djl", "pytorch", "java");
      assertThat(provenance.versions())
          .containsEntry("djl", Engine.getDjlVersion())
          .containsEntry("pytorch", Engine.getEngine("PyTorch").getVersion());
    }
  }

  @Test
  void aTrainedAdapterKnowsHowItWasTrained() {
    try (PeftModel model = adapted()) {
      TrainingReport report = tuner(model).run();
      model.save(saved.toString());
      Provenance provenance = Provenance.read(saved).orElseThrow();
      assertThat(provenance.trainings()).hasSize(1);
      Provenance.Training training = provenance.trainings().get(0);
      assertThat(training.dataSha256()).isEqualTo(DATA.sha256());
      assertThat(training.seed()).isEqualTo(7);
      assertThat(training.steps()).isEqualTo(4);
      assertThat(training.totalSteps()).isEqualTo(4);
      assertThat(training.loss()).isEqualTo(report.finalLoss());
      assertThat(training.metrics()).isEqualTo(report.finalMetrics().orElseThrow().values());
      assertThat(training.settings())
          .containsEntry("learning_rate", "0.02")
          .containsEntry("batch_size", "2")
          .doesNotContainKeys("adapter", "seed");
      assertThat(training.seconds()).isPositive();
      assertThat(training.started()).isBeforeOrEqualTo(provenance.saved());
    }
  }

  @Test
  void aHistoryGrowsWithEachTrainingAndOutlivesSavingAgain() {
    try (PeftModel model = adapted()) {
      tuner(model).run();
      model.save(saved.toString());
    }
    try (PeftModel model = load().loadAdapter(saved.toString())) {
      Path copy = folder.resolve("copy");
      model.save(copy.toString());
      assertThat(Provenance.read(copy).orElseThrow().trainings())
          .isEqualTo(Provenance.read(saved).orElseThrow().trainings())
          .hasSize(1);
      tuner(model).steps(2).seed(8).run();
      assertThat(model.provenance("default").trainings())
          .extracting(Provenance.Training::seed)
          .containsExactly(7L, 8L);
    }
  }

  @Test
  void checkpointsSayHowFarTheyCame() {
    Path run = folder.resolve("run");
    try (PeftModel model = adapted()) {
      tuner(model).checkpointTo(run).checkpointEvery(2).stopEarly(9).run();
      Provenance first = Provenance.read(run.resolve("checkpoint-4")).orElseThrow();
      assertThat(first.trainings())
          .extracting(Provenance.Training::steps, Provenance.Training::totalSteps)
          .containsExactly(tuple(4L, 4L));
    }
  }

  @Test
  void anotherBaseIsNamedWithBothHashes() throws IOException {
    String trainedOn;
    try (PeftModel model = adapted()) {
      model.save(saved.toString());
      trainedOn = model.baseSha256();
    }
    try (PeftModel model = load()) {
      assertThat(Logged.by(() -> model.loadAdapter(saved.toString()))).isEmpty();
    }
    changeTheBase();
    try (PeftModel model = load()) {
      assertThat(Logged.by(() -> model.loadAdapter(saved.toString())))
          .contains("WARN", saved.toString(), trainedOn, model.baseSha256(), base.toString());
      assertThat(model.baseSha256()).isNotEqualTo(trainedOn);
      assertThat(model.adapters()).containsKey("default");
    }
  }

  @Test
  void aBaseOfAnotherShapeIsRefused() {
    Path other = folder.resolve("bert-adapter");
    try (PeftModel bert =
        Peft.load(TinyModels.copy("tiny-bert", folder.resolve("bert")).toString())
            .adapt(LoraConfig.ofRank(2).targetModules("query"))) {
      bert.save(other.toString());
    }
    try (PeftModel model = load()) {
      assertThatThrownBy(() -> model.loadAdapter(other.toString()))
          .isInstanceOf(IllegalArgumentException.class)
          .hasMessageContaining("match no module");
      assertThat(model.adapters()).isEmpty();
    }
  }

  @Test
  void weightsThatAdaptersWereMergedIntoHaveNoHash() {
    try (PeftModel model = adapted()) {
      model.mergeAndUnload();
      model.adapt(LoraConfig.ofRank(1)).save(saved.toString());
      assertThat(Provenance.read(saved).orElseThrow().baseSha256()).isNull();
    }
  }

  @Test
  void aDamagedFileIsRefusedAndAMissingOneIsNot() throws IOException {
    try (PeftModel model = adapted()) {
      model.save(saved.toString());
    }
    Path file = saved.resolve(Provenance.FILE);
    String text = Files.readString(file);
    for (String damaged :
        List.of(
            text.substring(0, text.length() / 2),
            text.replace("\"name\"", "\"nom\""),
            text.replace("\"trainings\": []", "\"trainings\": 3"),
            "[]")) {
      Files.writeString(file, damaged);
      try (PeftModel model = load()) {
        assertThatThrownBy(() -> model.loadAdapter(saved.toString()))
            .isInstanceOf(IllegalArgumentException.class)
            .hasMessageContainingAll(file.toString(), "is damaged", "delete this file");
        assertThat(model.adapters()).isEmpty();
      }
    }
    Files.delete(file);
    assertThat(Provenance.read(saved)).isEmpty();
    try (PeftModel model = load()) {
      model.loadAdapter(saved.toString());
      assertThat(model.adapter("default").trainings()).isEmpty();
    }
  }
}
