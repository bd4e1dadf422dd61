package io.github.peft4j.methods.train;

import static org.assertj.core.api.Assertions.assertThat;

import io.github.peft4j.Peft;
import io.github.peft4j.PeftModel;
import io.github.peft4j.data.Examples;
import io.github.peft4j.data.PromptExample;
import io.github.peft4j.methods.adapter.TinyModels;
import io.github.peft4j.methods.lora.LoraConfig;
import io.github.peft4j.train.FineTuner;
import io.github.peft4j.train.report.StepEvent;
import io.github.peft4j.train.report.TrainingListener;
import java.io.BufferedReader;
import java.io.IOException;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.stream.IntStream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** A training run whose process is killed, as {@code kill -9} does it, and started again. */
class KilledProcessTest {

  private static final int STEPS = 40;

  @TempDir Path folder;

  @Test
  void aKilledProcessGoesOnWithTheSameLosses() throws IOException {
    TinyModels.copy("tiny-llama", folder.resolve("model"));
    List<String> whole = losses("whole", STEPS);
    assertThat(whole).hasSize(STEPS);

    List<String> before = losses("killed", 13);
    assertThat(before).isEqualTo(whole.subList(0, 13));

    List<String> after = losses("killed", STEPS);
    assertThat(after.size()).as("steps after the last checkpoint").isBetween(STEPS - 14, STEPS - 4);
    assertThat(after).isEqualTo(whole.subList(STEPS - after.size(), STEPS));
  }

  /** Starts a process and kills it when it has said so many losses, if it has not ended by then. */
  private List<String> losses(String checkpoints, int atMost) throws IOException {
    String classes =
        System.getProperty("surefire.test.class.path", System.getProperty("java.class.path"));
    Process process =
        new ProcessBuilder(
                Path.of(System.getProperty("java.home"), "bin", "java").toString(),
                "-cp",
                classes,
                Training.class.getName(),
                folder.resolve("model").toString(),
                folder.resolve(checkpoints).toString())
            .redirectError(ProcessBuilder.Redirect.DISCARD)
            .start();
    List<String> losses = new ArrayList<>();
    try (BufferedReader lines = process.inputReader()) {
      for (String line = lines.readLine(); line != null; line = lines.readLine()) {
        if (line.startsWith("loss ")) {
          losses.add(line);
          if (losses.size() == atMost && atMost < STEPS) {
            process.destroyForcibly();
            break;
          }
        }
      }
    }
    process.onExit().join();
    return losses;
  }

  /** The program: a step's loss a line, a checkpoint after every five. */
  static final class Training {

    public static void main(String... arguments) {
      List<PromptExample> examples =
          IntStream.range(0, 40)
              .mapToObj(
                  i -> new PromptExample("w" + (3 + i % 20) + " w" + (5 + i % 7), " w" + i % 9))
              .toList();
      try (PeftModel model = Peft.load(arguments[0])) {
        model.adapt(LoraConfig.ofRank(2).loraDropout(0.1).targetModules("all-linear"));
        FineTuner.of(model)
            .on(Examples.of(examples))
            .epochs(2)
            .batchSize(2)
            .checkpointTo(arguments[1])
            .checkpointEvery(5)
            .listener(
                new TrainingListener() {
                  @Override
                  public void onStep(StepEvent event) {
                    System.out.println("loss " + event.step() + " " + event.loss());
                  }
                })
            .run();
      }
    }
  }
}
