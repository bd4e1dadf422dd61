package io.github.peft4j.examples;

import java.io.File;
import java.lang.management.ManagementFactory;
import java.net.URI;
import java.net.URISyntaxException;
import java.net.URL;
import java.net.URLClassLoader;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.stream.Collectors;

/** Another JVM with the class path and the options of this one. */
final class JavaProcess {

  /** Properties of this JVM that its children need to run offline and to log alike. */
  private static final List<String> INHERITED =
      List.of("ai.djl.", "DJL_", "OPT_OUT_TRACKING", "PYTORCH_", "org.slf4j.");

  /** JVM options that only one process can have: a debugger's port, an agent's file. */
  private static final List<String> OWN = List.of("-agent", "-javaagent", "-Xrun", "-Xdebug");

  private JavaProcess() {}

  /**
   * The command line of a program.
   *
   * @param options of the JVM, after those of this one
   */
  static List<String> command(Class<?> program, List<String> options, List<String> arguments) {
    List<String> command = new ArrayList<>();
    command.add(Path.of(System.getProperty("java.home"), "bin", "java").toString());
    ManagementFactory.getRuntimeMXBean().getInputArguments().stream()
        .filter(option -> OWN.stream().noneMatch(option::startsWith))
        .forEach(command::add);
    System.getProperties().stringPropertyNames().stream()
        .filter(name -> INHERITED.stream().anyMatch(name::startsWith))
        .sorted()
        .forEach(name -> command.add("-D" + name + "=" + System.getProperty(name)));
    command.addAll(options);
    command.addAll(List.of("-cp", classPath(program), program.getName()));
    command.addAll(arguments);
    return command;
  }

  /** The class path of the program. Within Maven it is not that of the JVM. */
  private static String classPath(Class<?> program) {
    if (program.getClassLoader() instanceof URLClassLoader loader) {
      return Arrays.stream(loader.getURLs())
          .map(JavaProcess::path)
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
