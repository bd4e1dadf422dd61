package io.github.peft4j.kernel.setting;

import com.sun.jna.Library;
import com.sun.jna.Native;
import com.sun.jna.Platform;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;

/** The environment of this process, for native libraries that are loaded later. */
public final class Environment {

  private static final Path MAPS = Path.of("/proc/self/maps");

  private Environment() {}

  /**
   * The first native library of a name that the process has loaded already, if known.
   *
   * @param name the beginning of the file's name, as a regular expression
   */
  public static Optional<String> loaded(String name) {
    return lines(MAPS).stream()
        .filter(line -> line.matches(".*/" + name + "[^/]*"))
        .map(line -> line.substring(line.indexOf('/')))
        .findFirst();
  }

  /** The lines of a file, or none if it cannot be read. */
  static List<String> lines(Path file) {
    if (!Files.isReadable(file)) {
      return List.of();
    }
    try {
      return new ArrayList<>(Files.readAllLines(file, StandardCharsets.ISO_8859_1));
    } catch (IOException e) {
      return List.of();
    }
  }

  /** The C library of Linux and macOS. */
  private interface Posix extends Library {
    int setenv(String name, String value, int overwrite);
  }

  /** The C library of Windows. It also sets the variable in the process's own environment block. */
  private interface Windows extends Library {
    int _putenv_s(String name, String value);
  }

  /**
   * Sets a variable. {@link System#getenv} does not see it.
   *
   * @throws IllegalStateException if the C library refuses it
   */
  static void set(String name, String value) {
    int error =
        Platform.isWindows()
            ? Native.load("ucrtbase", Windows.class)._putenv_s(name, value)
            : Native.load("c", Posix.class).setenv(name, value, 1);
    if (error != 0) {
      throw new IllegalStateException("setting " + name + " failed: " + error);
    }
  }
}
