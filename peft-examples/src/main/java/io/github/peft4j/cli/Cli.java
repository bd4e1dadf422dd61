package io.github.peft4j.cli;

import io.github.peft4j.advice.Advised;
import io.github.peft4j.chat.TrainOn;
import io.github.peft4j.examples.bench.Optimizers;
import io.github.peft4j.hub.HubException;
import io.github.peft4j.kernel.OutOfDeviceMemoryException;
import io.github.peft4j.kernel.Precision;
import io.github.peft4j.train.TrainingException;
import io.github.peft4j.train.step.Activations;
import io.github.peft4j.tuner.injection.NearNames;
import java.io.IOException;
import java.io.PrintStream;
import java.io.PrintWriter;
import java.io.UncheckedIOException;
import java.io.Writer;
import java.util.Arrays;
import java.util.List;
import java.util.Locale;
import picocli.CommandLine;
import picocli.CommandLine.Command;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Model.CommandSpec;
import picocli.CommandLine.Model.OptionSpec;
import picocli.CommandLine.Option;
import picocli.CommandLine.ParameterException;
import picocli.CommandLine.TypeConversionException;
import picocli.CommandLine.UnmatchedArgumentException;

/**
 * The command line.
 *
 * <pre>
 * mvn -q compile exec:java -Dexec.mainClass=io.github.peft4j.cli.Cli \
 *     -Dexec.args="finetune --model models/llama-3.2-1b --data chats.jsonl --output runs/adapter"
 * </pre>
 *
 * <p>Exit codes: {@value #FINE} fine; {@value #FAILED} the run failed; {@value #MISTAKE} a mistake
 * of the user, said in one line; {@value #STOPPED} stopped by Ctrl-C, 143 by SIGTERM.
 */
@Command(
    name = "peft4j",
    description = "Trains adapters of language models, and uses them.",
    versionProvider = Versions.class,
    synopsisSubcommandLabel = "COMMAND",
    subcommands = {
      Finetune.class,
      Evaluate.class,
      Generate.class,
      Chat.class,
      Merge.class,
    },
    footer = {
      "",
      "COMMAND --help lists the options of a command.",
      "",
      "Exit codes: 0 fine; 1 the run failed; 2 a mistake in the options, in the settings or in a file;",
      "130 stopped by Ctrl-C, 143 by SIGTERM. With --checkpoints, the same command goes on from where it stopped."
    })
public final class Cli {

  static final int FINE = 0;
  static final int FAILED = 1;
  static final int MISTAKE = 2;

  /** 128 and the number of SIGINT, as shells and the JVM itself have it. */
  static final int STOPPED = 130;

  @Mixin final Help help = new Help();

  @Option(
      names = {"-V", "--version"},
      versionHelp = true,
      description = "Shows the versions of peft4j, DJL, PyTorch and Java.")
  boolean version;

  private Cli() {}

  /** Runs a command; ends the JVM with its exit code unless it is 0. */
  public static void main(String... args) {
    int code = run(System.out, System.err, args);
    if (code != FINE) {
      System.exit(code);
    }
  }

  /** Runs a command and returns its exit code. */
  static int run(PrintStream out, PrintStream err, String... args) {
    PrintWriter errors = writer(err);
    String[] complete;
    try {
      complete = SettingsFile.expand(newCommandLine(), args);
    } catch (ParameterException e) {
      complete = args; // said when the command runs
    } catch (IllegalArgumentException | UncheckedIOException e) {
      errors.println(line("peft4j", e));
      return MISTAKE;
    }
    PrintWriter output = writer(out);
    int code = execute(output, errors, complete);
    if (output.checkError()) {
      errors.println("peft4j: the output is closed or full: not all of it was written");
      return code == FINE ? FAILED : code;
    }
    return code;
  }

  private static int execute(PrintWriter out, PrintWriter errors, String... args) {
    try {
      return newCommandLine()
          .setOut(out)
          .setErr(errors)
          .setParameterExceptionHandler(
              (e, given) -> {
                errors.println(line(e));
                return MISTAKE;
              })
          .setExecutionExceptionHandler((e, command, result) -> failed(command, e, errors))
          .execute(args);
    } catch (OutOfMemoryError e) {
      errors.printf(
          "peft4j: Java's memory is full (%s). Give it more, such as java -Xmx8g%n",
          e.getMessage());
      return FAILED;
    }
  }

  private static int failed(CommandLine command, Exception e, PrintWriter errors) {
    OptionSpec verbose = command.getCommandSpec().findOption(Common.VERBOSE);
    boolean wordy = verbose != null && Boolean.TRUE.equals(verbose.getValue());
    boolean mistake =
        e instanceof IllegalArgumentException
            || e instanceof HubException
            || e instanceof UncheckedIOException;
    boolean known =
        mistake || e instanceof TrainingException || e instanceof OutOfDeviceMemoryException;
    errors.println(
        line(command.getCommandSpec().qualifiedName(), e)
            + (known || wordy ? "" : " (" + Common.VERBOSE + " shows where this comes from)"));
    if (wordy) {
      e.printStackTrace(errors);
    }
    return mistake ? MISTAKE : FAILED;
  }

  /** A writer that leaves the encoding to the stream, which knows the terminal's. */
  private static PrintWriter writer(PrintStream stream) {
    return new PrintWriter(
        new Writer() {
          @Override
          public void write(char[] text, int from, int length) {
            stream.print(String.valueOf(text, from, length));
          }

          @Override
          public void flush() throws IOException {
            if (stream.checkError()) { // flushes
              throw new IOException("the stream is closed or full");
            }
          }

          @Override
          public void close() throws IOException {
            flush();
          }
        },
        true);
  }

  private static CommandLine newCommandLine() {
    CommandLine line = new CommandLine(new Cli());
    byName(line, Activations.class);
    byName(line, DataTask.class);
    byName(line, ObjectiveOptions.Preference.class);
    byName(line, Optimizers.class);
    byName(line, Precision.class);
    byName(line, TrainOn.class);
    byName(line, TrainingOptions.Schedule.class);
    return line;
  }

  /** Values of an enum are written in lower case and with hyphens. */
  private static <E extends Enum<E>> void byName(CommandLine line, Class<E> type) {
    line.registerConverter(
        type,
        text ->
            Arrays.stream(type.getEnumConstants())
                .filter(each -> name(each).equals(text.toLowerCase(Locale.ROOT)))
                .findFirst()
                .orElseThrow(
                    () ->
                        new TypeConversionException(
                            "'%s', expected one of %s"
                                .formatted(
                                    text,
                                    Arrays.stream(type.getEnumConstants())
                                        .map(Cli::name)
                                        .toList()))));
  }

  /** The name of a value in options and settings. */
  static String name(Enum<?> value) {
    return value.name().toLowerCase(Locale.ROOT).replace('_', '-');
  }

  /** Picocli's message, and what to do. */
  private static String line(ParameterException e) {
    CommandSpec command = e.getCommandLine().getCommandSpec();
    String advice = "";
    if (command.parent() == null) {
      advice = "; expected one of " + command.subcommands().keySet() + ", or --help";
    } else if (e instanceof UnmatchedArgumentException unmatched
        && unmatched.getUnmatched().get(0).startsWith("-")) {
      List<String> known = command.options().stream().map(OptionSpec::longestName).toList();
      advice =
          NearNames.similar(unmatched.getUnmatched().get(0), known)
              .map(near -> "; the nearest is " + near)
              .orElse("; --help lists the options");
    }
    return line(command.qualifiedName(), e) + advice;
  }

  private static String line(String command, Exception e) {
    String advice = Advised.advice(e).map(given -> ". " + Words.of(given)).orElse("");
    String fact = e.getMessage() == null ? e.getClass().getSimpleName() : Advised.fact(e);
    return command + ": " + (fact + advice).replaceAll("\\s*\\R\\s*", " ");
  }
}
