package io.github.peft4j.examples;

import java.io.File;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.lang.management.ManagementFactory;
import java.net.URI;
import java.net.URISyntaxException;
import java.net.URL;
import java.net.URLClassLoader;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Optional;
import java.util.stream.Collectors;

/**
 * Trains each method of a comparison in a process of its own. PyTorch and Java keep memory that
 * they have used once, so that in one process a method's peak would be at least that of the largest
 * one before it.
 *
 * @param program the class whose {@code main} trains one method
 * @param arguments the arguments of the comparison
 */
record MethodProcesses(Class<?> program, Arguments arguments) {

  /** Properties of this JVM that its children need to run offline and to log alike. */
  private static final List<String> INHERITED =
      List.of("ai.djl.", "DJL_", "OPT_OUT_TRACKING", "PYTORCH_", "org.slf4j.");

  /** JVM options that only one process can have: a debugger's port, an agent's file. */
  private static final List<String> OWN = List.of("-agent", "-javaagent", "-Xrun", "-Xdebug");

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
    List<String> command = new ArrayList<>();
    command.add(Path.of(System.getProperty("java.home"), "bin", "java").toString());
    ManagementFactory.getRuntimeMXBean().getInputArguments().stream()
        .filter(option -> OWN.stream().noneMatch(option::startsWith))
        .forEach(command::add);
    System.getProperties().stringPropertyNames().stream()
        .filter(name -> INHERITED.stream().anyMatch(name::startsWith))
        .sorted()
        .forEach(name -> command.add("-D" + name + "=" + System.getProperty(name)));
    command.addAll(List.of("-cp", classPath(), program.getName()));
    command.addAll(arguments.without("compare", "method", "out", "result"));
    command.addAll(
        List.of("--method", method, "--out", folder.toString(), "--result", result.toString()));
    return command;
  }

  /** The class path of the program. Within Maven it is not that of the JVM. */
  private String classPath() {
    if (program.getClassLoader() instanceof URLClassLoader loader) {
      return Arrays.stream(loader.getURLs())
          .map(MethodProcesses::path)
          .collect(Collectors.joining(File.pathSeparator));
    }
    return System.getProperty("java.class.path");
  }

  private static String path(URL url) {
    try {
      return Path.of(new URI(url.toString())).toString();
    } catch (URISyntaxException e) {
      throw new IllegalStateException("not a path: " + url, e);
    }
  }
}
