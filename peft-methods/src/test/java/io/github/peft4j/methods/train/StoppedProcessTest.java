package io.github.peft4j.methods.train;

import static org.assertj.core.api.Assertions.assertThat;
import static org.junit.jupiter.api.Assumptions.assumeTrue;

import io.github.peft4j.Peft;
import io.github.peft4j.PeftModel;
import io.github.peft4j.methods.adapter.TinyModels;
import io.github.peft4j.methods.lora.LoraConfig;
import io.github.peft4j.train.FineTuner;
import java.io.BufferedReader;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.TimeUnit;
import java.util.stream.IntStream;
import java.util.stream.Stream;
import org.assertj.core.api.InstanceOfAssertFactories;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

/** Processes that are told to end in the middle of a training. */
class StoppedProcessTest {

  private static final int STEPS = 120;

  @TempDir Path folder;

  @BeforeEach
  void copyTheModel() {
    TinyModels.copy("tiny-llama", folder.resolve("model"));
  }

  /** What a process said and how it ended. */
  private record Ended(List<String> output, String errors, int status, double seconds) {
    List<String> losses(String run) {
      return output.stream().filter(line -> line.startsWith(run + " ")).toList();
    }
  }

  @ParameterizedTest
  @CsvSource({"TERM, 143", "INT, 130"})
  void aSignalEndsTheStepAndWritesACheckpoint(String signal, int status) throws Exception {
    assumeTrue(!signal.equals("INT") || !ignoresInterrupts(), "SIGINT is ignored here");
    List<String> whole = run("one", "whole", "", Integer.MAX_VALUE).losses("a");
    assertThat(whole).hasSize(STEPS);

    Ended stopped = run("one", "stopped", signal, 20);
    List<String> before = stopped.losses("a");
    assertThat(stopped.status()).as(stopped.errors()).isEqualTo(status);
    assertThat(before.size()).isBetween(20, STEPS - 1);
    assertThat(before).isEqualTo(whole.subList(0, before.size()));
    assertThat(stopped.errors())
        .containsOnlyOnce("the JVM's shutdown ended the training")
        .contains("after step " + before.size() + " of " + STEPS)
        .contains("checkpoint-" + before.size() + ": the same lines go on from there");
    assertThat(stopped.output()).doesNotContain("the program goes on");
    assertThat(folder.resolve("stopped-a/checkpoint-" + before.size())).isDirectory();
    assertThat(stopped.seconds()).as("seconds from the signal to the end").isLessThan(15);

    List<String> after = run("one", "stopped", "", Integer.MAX_VALUE).losses("a");
    assertThat(after).isEqualTo(whole.subList(before.size(), STEPS));
    assertNoCrash();
  }

  @Test
  void twoRunsAtOnceBothEndInOrder() throws Exception {
    List<String> a = run("two", "whole", "", Integer.MAX_VALUE).losses("a");
    Ended stopped = run("two", "stopped", "TERM", 30);
    assertThat(stopped.status()).as(stopped.errors()).isEqualTo(143);
    for (String run : List.of("a", "b")) {
      int steps = stopped.losses(run).size();
      assertThat(steps).isBetween(1, STEPS - 1);
      assertThat(folder.resolve("stopped-" + run + "/checkpoint-" + steps)).isDirectory();
    }
    Ended resumed = run("two", "stopped", "", Integer.MAX_VALUE);
    for (String run : List.of("a", "b")) {
      List<String> all = new ArrayList<>(stopped.losses(run));
      all.addAll(resumed.losses(run));
      assertThat(all).isEqualTo(a.stream().map(line -> run + line.substring(1)).toList());
    }
    assertNoCrash();
  }

  @Test
  void aStepThatTakesTooLongIsHaltedWithTheLastCheckpointAsItWas() throws Exception {
    Ended stopped = run("slow", "slow", "TERM", 12);
    assertThat(stopped.status()).as(stopped.errors()).isEqualTo(1);
    assertThat(stopped.errors()).contains("the process is halted", "within 2 s", "shutdownWait");
    assertThat(stopped.seconds()).isLessThan(12);
    assertThat(folder.resolve("slow-a/checkpoint-10")).isDirectory();
    // It is whole: the same lines go on from there.
    assertThat(run("one", "slow", "", Integer.MAX_VALUE).losses("a"))
        .hasSize(STEPS - 10)
        .first(InstanceOfAssertFactories.STRING)
        .startsWith("a 11 ");
    assertNoCrash();
  }

  @Test
  void aListenerMayEndTheProcess() throws Exception {
    Ended ended = run("exit", "exit", "", Integer.MAX_VALUE);
    assertThat(ended.status()).as(ended.errors()).isEqualTo(3);
    assertThat(ended.errors()).doesNotContain("halted");
    assertThat(ended.losses("a")).hasSize(12);
    assertNoCrash();
  }

  private void assertNoCrash() throws IOException {
    try (Stream<Path> files = Files.list(folder)) {
      assertThat(files.map(file -> file.getFileName().toString()))
          .noneMatch(name -> name.startsWith("hs_err") || name.startsWith("core"));
    }
  }

  /** A process that was started with SIGINT ignored, as in a shell's background, keeps that. */
  private static boolean ignoresInterrupts() throws IOException {
    Path status = Path.of("/proc/self/status");
    if (!Files.exists(status)) {
      return false;
    }
    return Files.readAllLines(status).stream()
        .filter(line -> line.startsWith("SigIgn:"))
        .anyMatch(line -> (Long.parseUnsignedLong(line.substring(7).strip(), 16) & 2) != 0);
  }

  /** Starts a process, and sends it a signal when it has said so many losses. */
  private Ended run(String mode, String run, String signal, int losses) throws Exception {
    Path errors = folder.resolve("errors");
    ProcessBuilder builder =
        new ProcessBuilder(
                Path.of(System.getProperty("java.home"), "bin", "java").toString(),
                "-cp",
                System.getProperty(
                    "surefire.test.class.path", System.getProperty("java.class.path")),
                Training.class.getName(),
                mode,
                folder.resolve("model").toString(),
                folder.resolve(run).toString())
            .directory(folder.toFile())
            .redirectError(errors.toFile());
    builder.environment().putIfAbsent("OMP_WAIT_POLICY", "PASSIVE"); // the host may be busy
    Process process = builder.start();
    List<String> output = new ArrayList<>();
    long signalled = System.nanoTime();
    try (BufferedReader lines = process.inputReader()) {
      for (String line = lines.readLine(); line != null; line = lines.readLine()) {
        output.add(line);
        if (output.size() == losses) {
          signalled = System.nanoTime();
          new ProcessBuilder("kill", "-" + signal, "" + process.pid()).start().waitFor();
        }
      }
    }
    assertThat(process.waitFor(60, TimeUnit.SECONDS)).isTrue();
    double seconds = (System.nanoTime() - signalled) / 1e9;
    return new Ended(output, Files.readString(errors), process.exitValue(), seconds);
  }

  /** The program: a step's loss a line. */
  static final class Training {

    public static void main(String... arguments) throws InterruptedException {
      String mode = arguments[0];
      List<Thread> trainings =
          Stream.of("a", "b")
              .limit(mode.equals("two") ? 2 : 1)
              .map(name -> new Thread(() -> train(mode, name, arguments[1], arguments[2])))
              .toList();
      trainings.forEach(Thread::start);
      for (Thread training : trainings) {
        training.join();
      }
    }

    private static void train(String mode, String name, String base, String run) {
      // Two runs of one process share the generator of dropout.
      LoraConfig lora = LoraConfig.ofRank(4).targetModules("all-linear");
      try (PeftModel model =
          Peft.load(base).adapt(mode.equals("two") ? lora : lora.loraDropout(0.1))) {
        FineTuner.of(model)
            .on(Trainings.prompts(60, "w5"))
            .steps(STEPS)
            .batchSize(20)
            .checkpointTo(run + "-" + name)
            .checkpointEvery(10)
            .shutdownWait(Duration.ofSeconds(mode.equals("slow") ? 2 : 20))
            .quiet()
            .listener(
                Trainings.onStep(
                    step -> {
                      System.out.println(name + " " + step.step() + " " + step.loss());
                      if (step.step() == 12 && mode.equals("slow")) {
                        sleep();
                      }
                      if (step.step() == 12 && mode.equals("exit")) {
                        System.exit(3);
                      }
                    }))
            .run();
        // Computing on: not while PyTorch's destructors run.
        IntStream.range(0, 20).forEach(i -> model.generate("w3 w4"));
        System.out.println("the program goes on");
      }
    }

    private static void sleep() {
      try {
        Thread.sleep(60_000);
      } catch (InterruptedException e) {
        Thread.currentThread().interrupt();
      }
    }
  }
}
