package io.github.peft4j.cli;

import java.io.PrintWriter;
import java.nio.file.Path;
import java.util.Objects;
import org.jspecify.annotations.Nullable;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Model.CommandSpec;
import picocli.CommandLine.Option;
import picocli.CommandLine.Spec;

/** What every command has. */
final class Common {

  static final String VERBOSE = "--verbose";

  @Spec(Spec.Target.MIXEE)
  @Nullable CommandSpec command;

  @Option(
      names = "--settings",
      paramLabel = "FILE",
      description =
          "Options in a file of YAML or JSON, by their names. The command line has precedence.")
  @Nullable Path settings;

  @Option(names = VERBOSE, description = "Shows where in the program an error comes from.")
  boolean verbose;

  @Mixin final Help help = new Help();

  /** The command. */
  CommandSpec command() {
    return Objects.requireNonNull(command);
  }

  /** Where the command writes to. */
  PrintWriter out() {
    return command().commandLine().getOut();
  }
}
