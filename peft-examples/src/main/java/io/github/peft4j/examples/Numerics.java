package io.github.peft4j.examples;

import io.github.peft4j.examples.bench.NvidiaSmi;
import io.github.peft4j.examples.bench.Shape;
import io.github.peft4j.examples.bench.UnsoundException;
import io.github.peft4j.examples.bench.numerics.Comparison;
import io.github.peft4j.examples.bench.numerics.Setting;
import io.github.peft4j.examples.bench.numerics.Trainings;
import io.github.peft4j.kernel.Precision;
import io.github.peft4j.kernel.PyTorch;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.Future;

/**
 * Trains models with each fast computation of peft4j and with what it replaces, and compares
 * losses, gradients and what was learnt. It prints one line of JSON for each comparison, and ends
 * with exit code 1 if a promise is not kept.
 *
 * <pre>
 * mvn -q compile exec:java -Dexec.mainClass=io.github.peft4j.examples.Numerics \
 *     -Dexec.args="--shapes tiny --precision float32"
 * </pre>
 *
 * <p>Each setting runs in a JVM of its own, since some switches are read once. All of them compute
 * the same LoRA on all linear maps, from the same weights, on the same texts, without dropout.
 */
public final class Numerics {

  private static final int BROKEN = 1;

  private static final Program PROGRAM =
      new Program(
          "Numerics",
          "compares fast computations with those that they replace",
          """
          [--shapes NAME,...]    models, as in Bench: 160m,minilm by default
          [--device NAME]        gpu or cpu; gpu by default, if there is one
          [--precision NAME]     float32, bfloat16 or float16; by default bfloat16 on a GPU, float32
                                 on a CPU
          [--settings NAME,...]  only some of derivatives, packing, recompute and host; on a CPU
                                 also oneDnn, on a GPU also cudaText and cudaGraphs
          [--batch N]            rows of a step, 4 by default
          [--length N]           tokens of a row, 64 by default
          [--steps N]            of each training, 100 by default
          [--parallel N]         processes at a time, 1 by default
          [--folder DIR]         for what the trainings computed; a temporary one by default
          [--train NAME]         trains one setting, in this process
          """);

  private final Arguments arguments;
  private final boolean gpu;
  private final List<Setting> settings;

  private Numerics(Arguments arguments) {
    this.arguments = arguments;
    this.gpu = isGpu(arguments);
    this.settings = Setting.of(gpu, precision());
  }

  /** Runs it. */
  public static void main(String... args) {
    List<String> problems = new ArrayList<>();
    PROGRAM.main(
        args,
        arguments -> {
          try {
            problems.addAll(new Numerics(arguments).run());
          } catch (UnsoundException e) {
            problems.add(String.valueOf(e.getMessage()));
          }
        });
    if (!problems.isEmpty()) {
      problems.forEach(problem -> System.err.println("Numerics: " + problem));
      System.exit(BROKEN);
    }
  }

  private List<String> run() {
    if (arguments.has("train")) {
      trainings(Path.of(arguments.text("folder"))).run(setting(arguments.text("train")), gpu);
      return List.of();
    }
    try {
      Path folder =
          arguments.has("folder")
              ? Files.createDirectories(Path.of(arguments.text("folder")))
              : Files.createTempDirectory("numerics");
      List<Setting> chosen = chosen();
      List<Setting> trained = withNeeded(chosen);
      Trainings trainings = trainings(folder);
      train(trained, folder);
      List<String> problems = compare(chosen, trainings);
      if (!arguments.has("folder")) {
        trainings.delete(trained);
        Files.delete(folder);
      }
      return problems;
    } catch (IOException e) {
      throw new UncheckedIOException("cannot make a folder for the trainings: " + e, e);
    }
  }

  /** The settings that are compared: those that were asked for. */
  private List<Setting> chosen() {
    if (!arguments.has("settings")) {
      return settings;
    }
    List<Setting> chosen = new ArrayList<>();
    for (String name : arguments.list("settings", "")) {
      if (setting(name).claim() == null) {
        throw arguments.error("'" + name + "' is what others are compared with");
      }
      chosen.add(setting(name));
    }
    return chosen;
  }

  /** These, and what they are compared with. */
  private List<Setting> withNeeded(List<Setting> chosen) {
    List<Setting> trained = new ArrayList<>(chosen);
    for (Setting setting : chosen) {
      Setting.Claim claim = setting.claim();
      if (claim != null) {
        trained.addAll(Setting.needed(settings, claim));
      }
    }
    return trained.stream().distinct().toList();
  }

  private void train(List<Setting> chosen, Path folder) {
    ExecutorService processes = Executors.newFixedThreadPool(arguments.count("parallel", 1));
    try {
      List<Future<Integer>> codes = new ArrayList<>();
      for (Setting setting : chosen) {
        List<String> command = command(setting, folder);
        codes.add(
            processes.submit(() -> new ProcessBuilder(command).inheritIO().start().waitFor()));
      }
      for (int i = 0; i < codes.size(); i++) {
        int code = codes.get(i).get();
        if (code != 0) {
          throw new UnsoundException(
              "the training of '%s' ended with %d".formatted(chosen.get(i).name(), code));
        }
      }
    } catch (InterruptedException e) {
      Thread.currentThread().interrupt();
      throw new IllegalStateException("interrupted", e);
    } catch (ExecutionException e) {
      throw new IllegalStateException("cannot start a process", e);
    } finally {
      processes.shutdownNow();
    }
  }

  private List<String> command(Setting setting, Path folder) {
    List<String> all = arguments.without("folder", "device", "parallel", "settings");
    all.addAll(
        List.of(
            "--train",
            setting.name(),
            "--folder",
            folder.toString(),
            "--device",
            gpu ? "gpu" : "cpu"));
    return JavaProcess.command(Numerics.class, setting.options(), all);
  }

  private static List<String> compare(List<Setting> chosen, Trainings trainings) {
    List<String> problems = new ArrayList<>();
    for (Setting setting : chosen) {
      Setting.Claim claim = setting.claim();
      if (claim != null) {
        for (Comparison comparison : Comparison.of(trainings, setting, claim)) {
          System.out.println(comparison.line());
          if (!comparison.holds()) {
            problems.add(
                "'" + setting.name() + "' is too far from '" + claim.like() + "', see above");
          }
        }
      }
    }
    return problems;
  }

  private Trainings trainings(Path folder) {
    return new Trainings(
        arguments.list("shapes", "160m,minilm").stream().map(Shape::of).toList(),
        arguments.count("batch", 4),
        arguments.count("length", 64),
        arguments.count("steps", 100),
        folder);
  }

  private Setting setting(String name) {
    return settings.stream()
        .filter(setting -> setting.name().equals(name))
        .findFirst()
        .orElseThrow(
            () ->
                arguments.error(
                    "no setting '%s'; there are %s"
                        .formatted(name, settings.stream().map(Setting::name).toList())));
  }

  private static boolean isGpu(Arguments arguments) {
    String device = arguments.text("device", NvidiaSmi.query("name").isPresent() ? "gpu" : "cpu");
    return switch (device) {
      case "gpu" -> {
        if (PyTorch.engine().getGpuCount() == 0) {
          throw arguments.error("--device is gpu, and PyTorch finds none here");
        }
        yield true;
      }
      case "cpu" -> false;
      default -> throw arguments.error("--device is '" + device + "', expected gpu or cpu");
    };
  }

  private Precision precision() {
    String name = arguments.text("precision", gpu ? "bfloat16" : "float32");
    for (Precision precision : Precision.values()) {
      if (precision.name().equalsIgnoreCase(name)) {
        return precision;
      }
    }
    throw arguments.error("no precision '" + name + "'; there are " + List.of(Precision.values()));
  }
}
