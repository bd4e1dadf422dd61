package io.github.peft4j.examples;

import static org.assertj.core.api.Assertions.assertThat;
import static org.junit.jupiter.api.DynamicTest.dynamicTest;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.regex.MatchResult;
import java.util.regex.Pattern;
import java.util.stream.Stream;
import org.junit.jupiter.api.DynamicTest;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.TestFactory;

/** Every example program that a document runs exists, and has the options that it is given. */
class DocumentedCommandsTest {

  private static final Path ROOT = Path.of("..");
  private static final Path SOURCES = Path.of("src", "main", "java", "io", "github", "peft4j");
  private static final Path PROGRAMS = SOURCES.resolve("examples");

  /** A fenced block of shell commands. */
  private static final Pattern SHELL = Pattern.compile("(?ms)^```sh\n(.*?)^```$");

  private static final Pattern PROGRAM = Pattern.compile("(?:examples|\\$E)\\.([A-Z]\\w+)");
  private static final Pattern ARGUMENTS = Pattern.compile("-Dexec\\.args=(\"[^\"]*\"|\\S+)");
  private static final Pattern OPTION = Pattern.compile("--[a-z][a-z-]*");

  /** What {@code mvn exec:java} runs if the command names no program. */
  private static final String FIRST = "LanguageTool";

  @TestFactory
  Stream<DynamicTest> programsTakeTheirOptions() throws IOException {
    List<DynamicTest> tests = new ArrayList<>();
    for (Path file : documents()) {
      for (String command : commands(Files.readString(file))) {
        tests.add(dynamicTest(ROOT.relativize(file) + ": " + command, () -> check(command)));
      }
    }
    return tests.stream();
  }

  @Test
  void anOptionThatDoesNotExistIsFound() {
    assertThat(options("mvn exec:java -Dexec.args=\"--full --method lora\""))
        .containsExactly("--full", "--method");
  }

  private static void check(String command) throws IOException {
    String program =
        PROGRAM.matcher(command).results().map(m -> m.group(1)).findFirst().orElse(FIRST);
    String code = command.contains("peft4j.cli.Cli") ? commandLine() : program(program);
    assertThat(options(command)).allMatch(code::contains);
  }

  private static String program(String name) throws IOException {
    Path source = PROGRAMS.resolve(name + ".java");
    assertThat(source).exists();
    return Files.readString(source);
  }

  /** The sources of the command line, whose options are in several files. */
  private static String commandLine() throws IOException {
    StringBuilder code = new StringBuilder();
    try (Stream<Path> files = Files.list(SOURCES.resolve("cli"))) {
      for (Path file : files.toList()) {
        code.append(Files.readString(file));
      }
    }
    return code.toString();
  }

  private static List<String> options(String command) {
    return ARGUMENTS
        .matcher(command)
        .results()
        .flatMap(arguments -> OPTION.matcher(arguments.group(1)).results())
        .map(MatchResult::group)
        .toList();
  }

  /** The commands that give arguments to a program, continued lines joined. */
  private static List<String> commands(String text) {
    return SHELL
        .matcher(text)
        .results()
        .flatMap(block -> block.group(1).replace("\\\n", " ").lines())
        .filter(line -> line.contains("-Dexec."))
        .map(String::strip)
        .toList();
  }

  private static List<Path> documents() throws IOException {
    try (Stream<Path> docs = Files.walk(ROOT.resolve("docs"))) {
      return Stream.concat(
              Stream.of(ROOT.resolve("README.md"), ROOT.resolve("CONTRIBUTING.md")), docs)
          .filter(file -> file.toString().endsWith(".md"))
          .sorted()
          .toList();
    }
  }
}
