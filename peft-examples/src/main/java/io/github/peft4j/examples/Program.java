package io.github.peft4j.examples;

import io.github.peft4j.TextModel;
import io.github.peft4j.hub.HubException;
import java.io.PrintStream;
import java.io.UncheckedIOException;
import java.util.List;
import java.util.function.Consumer;
import java.util.stream.Collectors;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * The frame of a program. It shows help, and reports a user's mistake in one line.
 *
 * @param name the name to run it by
 * @param purpose its purpose in one sentence
 * @param options one a line, as {@link Arguments} reads them, each with its meaning after two or
 *     more spaces
 */
record Program(String name, String purpose, String options) {

  private static final Logger LOG = LoggerFactory.getLogger(Program.class);

  /** The exit code after a mistake in the arguments, or in a file that they name. */
  static final int MISTAKE = 2;

  Program {
    options.lines().forEach(Program::columns);
  }

  /** Runs the program; ends the JVM with {@link #MISTAKE} if the user has made a mistake. */
  void main(String[] args, Consumer<Arguments> body) {
    int code = run(args, body, System.out, System.err);
    if (code != 0) {
      System.exit(code);
    }
  }

  /**
   * Refuses a model without a tokenizer, before anything is trained.
   *
   * @throws IllegalArgumentException if there is none, which is a mistake of the user
   */
  static void requireTokenizer(TextModel model) {
    try {
      model.tokenizer();
    } catch (IllegalStateException e) {
      throw new IllegalArgumentException(e.getMessage(), e);
    }
  }

  /** Runs the program and returns its exit code. */
  int run(String[] args, Consumer<Arguments> body, PrintStream out, PrintStream err) {
    if (List.of(args).contains("--help")) {
      out.println(help());
      return 0;
    }
    try {
      body.accept(Arguments.parse(usage(), args));
      return 0;
    } catch (IllegalArgumentException | HubException | UncheckedIOException e) {
      LOG.debug("{} failed", name, e);
      err.println(name + ": " + String.valueOf(e.getMessage()).replaceAll("\\s*\\R\\s*", " "));
      return MISTAKE;
    }
  }

  /** All options in one line. */
  String usage() {
    return options
        .lines()
        .map(line -> columns(line)[0])
        .filter(option -> !option.isEmpty())
        .collect(Collectors.joining(" "));
  }

  /** An option, or nothing where its text goes on, and its text. */
  private static String[] columns(String line) {
    String[] columns = line.split(" {2,}", 2);
    if (columns.length < 2) {
      throw new IllegalArgumentException("two spaces are missing between option and text: " + line);
    }
    return columns;
  }

  private String help() {
    List<String[]> lines = options.lines().map(Program::columns).toList();
    int width = lines.stream().mapToInt(line -> line[0].length()).max().orElse(0);
    StringBuilder table = new StringBuilder();
    lines.forEach(line -> table.append(("  %-" + width + "s  %s%n").formatted((Object[]) line)));
    return """
        %s: %s

        %s
        Run it with

          mvn -q compile exec:java -Dexec.mainClass=%s.%s -Dexec.args="…"
        """
        .formatted(name, purpose, table, Program.class.getPackageName(), name)
        .strip();
  }
}
