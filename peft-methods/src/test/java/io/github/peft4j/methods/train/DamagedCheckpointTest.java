package io.github.peft4j.methods.train;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.github.peft4j.PeftModel;
import io.github.peft4j.methods.Logged;
import io.github.peft4j.train.FineTuner;
import io.github.peft4j.train.TrainingReport;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Comparator;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** A disk may give back anything: every file of a checkpoint, damaged in every way. */
class DamagedCheckpointTest {

  @TempDir Path folder;

  @FunctionalInterface
  private interface Damage {
    void to(Path file) throws IOException;
  }

  private static final Map<String, Damage> DAMAGES = new LinkedHashMap<>();

  static {
    DAMAGES.put("missing", Files::delete);
    DAMAGES.put("empty", file -> Files.write(file, new byte[0]));
    DAMAGES.put(
        "truncated",
        file -> {
          byte[] bytes = Files.readAllBytes(file);
          Files.write(file, java.util.Arrays.copyOf(bytes, bytes.length * 2 / 3));
        });
    DAMAGES.put("first bit", file -> flip(file, 0));
    DAMAGES.put("middle bit", file -> flip(file, 0.5));
    DAMAGES.put("last bit", file -> flip(file, 0.999));
  }

  private static void flip(Path file, double where) throws IOException {
    byte[] bytes = Files.readAllBytes(file);
    bytes[(int) (bytes.length * where)] ^= 4;
    Files.write(file, bytes);
  }

  private FineTuner tuner(PeftModel model, Path run) {
    return FineTuner.of(model)
        .on(Trainings.prompts(16, "w5"))
        .batchSize(4)
        .steps(6)
        .learningRate(1e-2)
        .checkpointTo(run)
        .checkpointEvery(2)
        .quiet();
  }

  private static void copy(Path from, Path to) {
    try (Stream<Path> files = Files.walk(from)) {
      for (Path file : files.toList()) {
        Files.copy(file, to.resolve(from.relativize(file).toString()));
      }
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    }
  }

  private static void delete(Path tree) throws IOException {
    try (Stream<Path> files = Files.walk(tree)) {
      for (Path file : files.sorted(Comparator.reverseOrder()).toList()) {
        Files.delete(file);
      }
    }
  }

  private static List<String> names(Path folder) throws IOException {
    try (Stream<Path> files = Files.list(folder)) {
      return files.map(file -> file.getFileName().toString()).sorted().toList();
    }
  }

  @Test
  void aDamagedCheckpointIsPassedOverWithAWarning() throws IOException {
    Path whole = folder.resolve("whole");
    List<Double> losses;
    try (PeftModel model = Trainings.llama(folder.resolve("llama"))) {
      losses = tuner(model, whole).run().losses();
    }
    assertThat(names(whole)).containsExactly("checkpoint-4", "checkpoint-6");
    List<String> files = names(whole.resolve("checkpoint-6"));
    assertThat(files)
        .contains("SHA256SUMS", "trainer.safetensors", "trainer_state.json")
        .contains("adapter_model.safetensors", "adapter_config.json", "peft4j.json");
    int tried = 0;
    for (String file : files) {
      for (Map.Entry<String, Damage> damage : DAMAGES.entrySet()) {
        Path run = folder.resolve("run" + tried++);
        copy(whole, run);
        damage.getValue().to(run.resolve("checkpoint-6").resolve(file));
        try (PeftModel model = Trainings.llama(folder.resolve("llama"))) {
          List<Long> steps = new ArrayList<>();
          TrainingReport[] report = new TrainingReport[1];
          String log =
              Logged.by(
                  () ->
                      report[0] =
                          tuner(model, run)
                              .listener(Trainings.onStep(step -> steps.add(step.step())))
                              .run());
          String what = file + ", " + damage.getKey();
          assertThat(report[0].losses()).as(what).isEqualTo(losses);
          assertThat(steps).as(what).containsExactly(5L, 6L);
          assertThat(log)
              .as(what)
              .containsOnlyOnce("WARN")
              .contains(run.resolve("checkpoint-6") + " is damaged: ")
              .contains(file.equals("SHA256SUMS") ? "checkpoint-6" : file)
              .contains("going on from " + run.resolve("checkpoint-4"));
          assertThat(names(run)).as(what).containsExactly("checkpoint-4", "checkpoint-6");
          assertThat(run.resolve("checkpoint-6/adapter_model.safetensors"))
              .hasSameBinaryContentAs(whole.resolve("checkpoint-6/adapter_model.safetensors"));
        }
        delete(run);
      }
    }
  }

  @Test
  void anEmptyFolderIsPassedOverAndAFileOfTheNameToo() throws IOException {
    Path run = folder.resolve("run");
    try (PeftModel model = Trainings.llama(folder.resolve("llama"))) {
      tuner(model, run).run();
      Files.createDirectories(run.resolve("checkpoint-8"));
      Files.writeString(run.resolve("checkpoint-9"), "");
      copy(run.resolve("checkpoint-4"), run.resolve("checkpoint-7")); // renamed by hand
      String log = Logged.by(() -> tuner(model, run).steps(7).run());
      assertThat(log)
          .contains("checkpoint-9 is damaged", "checkpoint-8 is damaged")
          .contains("checkpoint-7 is damaged", "is of step 4")
          .contains("going on from " + run.resolve("checkpoint-6"));
    }
  }

  @Test
  void ifNoneIsWholeTheErrorNamesEachWithItsReason() throws IOException {
    Path run = folder.resolve("run");
    try (PeftModel model = Trainings.llama(folder.resolve("llama"))) {
      tuner(model, run).run();
      flip(run.resolve("checkpoint-4/trainer.safetensors"), 0.9);
      Files.delete(run.resolve("checkpoint-6/trainer_state.json"));
      List<float[]> before = Trainings.values(model);
      assertThatThrownBy(() -> tuner(model, run).run())
          .isInstanceOf(IllegalArgumentException.class)
          .hasMessageContainingAll(
              "no checkpoint in " + run + " is whole",
              "checkpoint-6/trainer_state.json is missing",
              "checkpoint-4/trainer.safetensors is damaged: its SHA-256",
              "take another one");
      assertThat(Trainings.values(model))
          .usingElementComparator(java.util.Arrays::compare)
          .isEqualTo(before);
    }
  }

  @Test
  void aBestCheckpointThatIsDamagedIsForgotten() throws IOException {
    Path run = folder.resolve("run");
    try (PeftModel model = Trainings.llama(folder.resolve("llama"))) {
      FineTuner tuner =
          tuner(model, run)
              .validateOn(Trainings.prompts(8, "w30"))
              .evaluateEvery(2)
              .learningRate(0.1)
              .constant()
              .keepBest();
      TrainingReport first = tuner.run();
      assertThat(first.bestStep()).isEqualTo(2);
      Files.delete(run.resolve("checkpoint-2/trainer.safetensors"));
      TrainingReport[] report = new TrainingReport[1];
      String log = Logged.by(() -> report[0] = tuner.steps(8).run());
      assertThat(log).contains("best evaluation, at step 2, is damaged", "is missing");
      assertThat(report[0].bestStep()).isEqualTo(8);
      assertThat(report[0].keptStep()).isEqualTo(8);
    }
  }

  @Test
  void whatAKilledProcessLeftHalfWrittenIsRemoved() throws IOException {
    Path run = folder.resolve("run");
    Files.createDirectories(run.resolve(".checkpoint-3.tmp"));
    Files.writeString(run.resolve(".checkpoint-3.tmp/half"), "x");
    try (PeftModel model = Trainings.llama(folder.resolve("llama"))) {
      tuner(model, run).run();
    }
    assertThat(names(run)).containsExactly("checkpoint-4", "checkpoint-6");
  }
}
