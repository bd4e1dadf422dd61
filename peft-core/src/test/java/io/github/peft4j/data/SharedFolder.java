package io.github.peft4j.data;

import java.nio.file.Files;
import java.nio.file.Path;
import java.util.stream.Stream;
import org.junit.jupiter.api.Assumptions;

/** Finds the models that tests read but the repository does not hold. */
public final class SharedFolder {

  private SharedFolder() {}

  /** A folder or file of the shared folder; skips the test, and says so, where there is none. */
  public static Path require(String name) {
    String given = System.getProperty("peft4j.shared");
    return (given == null ? Stream.of("../shared", "../../shared") : Stream.of(given))
        .map(folder -> Path.of(folder, name))
        .filter(Files::exists)
        .findFirst()
        .orElseGet(() -> skip(name));
  }

  private static Path skip(String name) {
    String message = "SKIPPED: no " + name + ". Set -Dpeft4j.shared to the folder that holds it";
    System.err.println(message);
    return Assumptions.abort(message);
  }
}
