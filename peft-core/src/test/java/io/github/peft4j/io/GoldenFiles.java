package io.github.peft4j.io;

import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.stream.Stream;
import org.junit.jupiter.api.Assumptions;

/** Finds the files which Hugging Face's libraries wrote for comparison. */
public final class GoldenFiles {
  private GoldenFiles() {}

  /**
   * Returns the folder in the system property {@code peft4j.golden}, or beside the repository;
   * skips the test, loudly, if there is none.
   */
  public static Path folder() {
    String property = System.getProperty("peft4j.golden");
    List<Path> places =
        property != null
            ? List.of(Path.of(property))
            : List.of(Path.of("../../shared/golden"), Path.of("../../../shared/golden"));
    for (Path place : places) {
      if (Files.isDirectory(place)) {
        return place;
      }
    }
    String message = "SKIPPED: no golden files in " + places + "; set -Dpeft4j.golden=FOLDER";
    System.err.println(message);
    return Assumptions.abort(message);
  }

  /** Returns all safetensors files in {@link #folder()}. */
  public static List<Path> safetensors() {
    try (Stream<Path> files = Files.walk(folder())) {
      return files.filter(f -> f.toString().endsWith(".safetensors")).sorted().toList();
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    }
  }
}
