package io.github.peft4j.toy;

import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;

/** Programs that run in a JVM of their own, with the class path of the tests. */
public final class FreshJvm {

  private FreshJvm() {}

  /**
   * A process that has not been started.
   *
   * @param options of the JVM
   * @param program has a main method
   */
  public static ProcessBuilder of(List<String> options, Class<?> program, String... arguments) {
    List<String> command = new ArrayList<>();
    command.add(Path.of(System.getProperty("java.home"), "bin", "java").toString());
    command.addAll(options);
    command.add("-cp");
    command.add(
        System.getProperty("surefire.test.class.path", System.getProperty("java.class.path")));
    command.add(program.getName());
    command.addAll(List.of(arguments));
    return new ProcessBuilder(command);
  }
}
