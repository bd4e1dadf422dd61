package io.github.peft4j.cli;

import picocli.CommandLine.Option;

/** The option that shows help. */
final class Help {

  @Option(
      names = {"-h", "--help"},
      usageHelp = true,
      description = "Shows this help.")
  boolean help;
}
