package io.github.peft4j.train;

import io.github.peft4j.Peft;
import io.github.peft4j.PeftModel;
import io.github.peft4j.kernel.Tape;
import io.github.peft4j.toy.ToyConfig;
import io.github.peft4j.toy.ToyLayer;
import io.github.peft4j.train.step.Backpropagation;
import io.github.peft4j.transformer.pass.LossTargets;
import io.github.peft4j.transformer.pass.ModelInput;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.function.LongFunction;

/**
 * Prints how much memory the process takes at most during a forward and backward pass, beyond what
 * it takes before it. For a process of its own, on Linux.
 */
final class PeakMemory {

  private static final Path STATUS = Path.of("/proc/self/status");
  private static final Path CLEAR = Path.of("/proc/self/clear_refs");

  private PeakMemory() {}

  static boolean isKnown() {
    return Files.exists(STATUS) && Files.isWritable(CLEAR);
  }

  /**
   * Measures a model whose queries are adapted.
   *
   * @param arguments the model's folder, how many positions a sparing tape computes at once, and
   *     the numbers of tokens
   */
  public static void main(String... arguments) throws IOException {
    int atOnce = Integer.parseInt(arguments[1]);
    ToyConfig config = ToyConfig.of(1, 0);
    ToyLayer.kernels = true;
    try (PeftModel model = Peft.load(arguments[0]).adapt(config)) {
      for (String mode : new String[] {"KEPT", "RECOMPUTED", "ON_HOST"}) {
        LongFunction<Tape.Recording> tapes =
            switch (mode) {
              case "KEPT" -> Tape::recording;
              case "RECOMPUTED" -> Tape::recomputing;
              default -> seed -> Tape.sparing(seed, null, atOnce);
            };
        step(model, tapes, 3 * atOnce); // compiles and loads
        for (int i = 2; i < arguments.length; i++) {
          int tokens = Integer.parseInt(arguments[i]);
          System.gc();
          Files.writeString(CLEAR, "5"); // the peak begins anew
          long before = field("VmRSS");
          step(model, tapes, tokens);
          System.out.printf("%s %d %d%n", mode, tokens, field("VmHWM") - before);
        }
      }
    }
  }

  private static void step(PeftModel model, LongFunction<Tape.Recording> tapes, int tokens) {
    long[][] ids = new long[1][tokens];
    Arrays.setAll(ids[0], i -> 3 + i % 250);
    LossTargets targets = new LossTargets.NextTokens(ids);
    ModelInput input = ModelInput.of(model.base().manager(), ids, null);
    new Backpropagation(model, tapes).run(input, targets, 1.0 / tokens, 0);
    input.close();
  }

  /** A size in bytes. */
  private static long field(String name) {
    try {
      return Files.readAllLines(STATUS).stream()
          .filter(line -> line.startsWith(name + ":"))
          .mapToLong(line -> 1024 * Long.parseLong(line.replaceAll("\\D", "")))
          .findFirst()
          .orElseThrow();
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    }
  }
}
