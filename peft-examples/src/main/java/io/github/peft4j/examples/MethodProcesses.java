package io.github.peft4j.examples;

import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Optional;

/**
 * Trains each method of a comparison in a process of its own. PyTorch and Java keep memory that
 * they have used once, so that in one process a method's peak would be at least that of the largest
 * one before it.
 *
 * @param program the class whose {@code main} trains one method
 * @param arguments the arguments of the comparison
 */
record MethodProcesses(Class<?> program, Arguments arguments) {

  /**
   * Trains a method and saves its adapter in a folder.
   *
   * @return empty if the model does not support the method; the child has said why
   * @throws IllegalArgumentException if the child refuses its arguments; it has said why
   * @throws IllegalStateException if the child fails otherwise
   */
  Optional<Comparison.Result> train(String method, Path folder) {
    Path file = folder.resolve("result.json");
    try {
      Files.createDirectories(folder);
      Files.deleteIfExists(file);
      int code = new ProcessBuilder(command(method, folder, file)).inheritIO().start().waitFor();
      if (code == Program.MISTAKE) {
        throw new IllegalArgumentException(method + " was not trained, for the reason above");
      }
      if (code != 0) {
        throw new IllegalStateException(
            "the process that trained " + method + " ended with " + code);
      }
      return Files.exists(file)
          ? Optional.of(Comparison.Result.of(Files.readString(file)))
          : Optional.empty();
    } catch (IOException e) {
      throw new UncheckedIOException(
          "cannot train " + method + " in a process of its own: " + e, e);
    } catch (InterruptedException e) {
      Thread.currentThread().interrupt();
      throw new IllegalStateException("interrupted while " + method + " was trained", e);
    }
  }

  List<String> command(String method, Path folder, Path result) {
    List<String> all = arguments.without("compare", "method", "out", "result");
    all.addAll(
        List.of("--method", method, "--out", folder.toString(), "--result", result.toString()));
    return JavaProcess.command(program, List.of(), all);
  }
}
