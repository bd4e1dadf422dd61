package io.github.peft4j.cli;

import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.file.Files;
import java.nio.file.InvalidPathException;
import java.nio.file.Path;
import java.util.List;
import org.jspecify.annotations.Nullable;
import picocli.CommandLine.Option;

/** The folder that a command writes. What is in it already is not overwritten by mistake. */
final class OutputOptions {

  @Option(names = "--output", paramLabel = "DIR", description = "The folder to write.")
  @Nullable Path output;

  @Option(names = "--overwrite", description = "Replaces what --output has already.")
  boolean overwrite;

  /**
   * The folder.
   *
   * @param what it is to hold
   * @param files of which none may be there, unless {@code --overwrite} is given
   * @param otherwise what else to do
   * @param model the model, whose folder it must not be
   */
  Path folder(@Nullable String model, String what, List<String> files, String otherwise) {
    Path folder = Mistakes.given("--output", output);
    if (Files.exists(folder) && !Files.isDirectory(folder)) {
      throw new IllegalArgumentException(
          "--output: " + folder + " is a file, expected a folder or a new name");
    }
    if (model != null && isSame(folder, model)) {
      throw new IllegalArgumentException(
          "--output: " + folder + " is the folder of --model, which would be lost: take another");
    }
    if (!overwrite) {
      files.stream()
          .filter(file -> Files.exists(folder.resolve(file)))
          .findFirst()
          .ifPresent(
              file -> {
                throw new IllegalArgumentException(
                    "--output: %s has %s already (%s). Take another folder, or --overwrite to replace it%s"
                        .formatted(folder, what, file, otherwise));
              });
    }
    return folder;
  }

  private static boolean isSame(Path one, String name) {
    try {
      Path other = Path.of(name);
      return Files.exists(one) && Files.exists(other) && Files.isSameFile(one, other);
    } catch (InvalidPathException e) {
      return false; // the name of a repository with a colon, on Windows
    } catch (IOException e) {
      throw new UncheckedIOException("--output: " + one + " cannot be read", e);
    }
  }
}
