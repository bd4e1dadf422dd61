package io.github.peft4j.examples;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatIllegalArgumentException;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.github.peft4j.Peft;
import io.github.peft4j.PeftModel;
import io.github.peft4j.data.reader.Data;
import java.io.ByteArrayOutputStream;
import java.io.PrintStream;
import java.nio.charset.StandardCharsets;
import java.util.List;
import java.util.function.Consumer;
import org.junit.jupiter.api.Test;

class ProgramTest {

  private static final Program PROGRAM =
      new Program(
          "Example",
          "does nothing",
          """
          --data FILE   rows to read
          [--epochs N]  passes, 3 by default
          """);

  private final ByteArrayOutputStream out = new ByteArrayOutputStream();
  private final ByteArrayOutputStream err = new ByteArrayOutputStream();

  @Test
  void helpGoesToStandardOutputAndIsNoError() {
    assertThat(run(arguments -> {}, "--data", "--help")).isZero();

    assertThat(text(out))
        .contains("Example: does nothing")
        .contains("  [--epochs N]  passes, 3 by default")
        .contains("-Dexec.mainClass=io.github.peft4j.examples.Example");
    assertThat(text(err)).isEmpty();
  }

  @Test
  void allProgramsHaveHelp() {
    List<Consumer<String[]>> programs =
        List.of(
            Bench::main,
            BenchTable::main,
            CausalLm::main,
            Chat::main,
            Classify::main,
            Entities::main,
            KernelBench::main,
            LanguageTool::main,
            Numerics::main,
            Pairs::main,
            QuantizedLosses::main);
    programs.forEach(program -> program.accept(new String[] {"--help"}));
  }

  @Test
  void anOptionAndItsTextAreTwoSpacesApart() {
    assertThatIllegalArgumentException()
        .isThrownBy(() -> new Program("Example", "does nothing", "[--epochs N] passes"))
        .withMessageContaining("[--epochs N] passes");
  }

  @Test
  void aMistakeIsOneLineOnStandardErrorAndExitCode2() {
    assertThat(run(arguments -> {}, "--dat", "a.csv")).isEqualTo(2);

    assertThat(text(out)).isEmpty();
    assertThat(text(err))
        .isEqualTo(
            "Example: unknown argument '--dat'; usage: --data FILE [--epochs N]"
                + System.lineSeparator());
  }

  @Test
  void aMistakeInWhatArgumentsNameIsOneLineToo() {
    assertThat(run(arguments -> Data.read(arguments.text("data")), "--data", "none.csv"))
        .isEqualTo(2);

    assertThat(text(err)).startsWith("Example: ").contains("none.csv").hasLineCount(1);
  }

  @Test
  void aModelWithoutATokenizerIsOneLineToo() {
    String llama = "../peft-methods/src/test/resources/golden/tiny-llama";
    assertThat(
            run(
                arguments -> {
                  try (PeftModel model = Peft.load(llama)) {
                    Program.requireTokenizer(model);
                  }
                },
                "--data",
                "a.csv"))
        .isEqualTo(2);

    assertThat(text(err)).startsWith("Example: ").contains("no tokenizer.json").hasLineCount(1);
  }

  @Test
  void anErrorOfTheProgramKeepsItsStackTrace() {
    assertThatThrownBy(
            () ->
                run(
                    arguments -> {
                      throw new IllegalStateException("a bug");
                    },
                    "--data",
                    "a.csv"))
        .isInstanceOf(IllegalStateException.class);
  }

  private int run(Consumer<Arguments> body, String... args) {
    return PROGRAM.run(args, body, stream(out), stream(err));
  }

  private static PrintStream stream(ByteArrayOutputStream bytes) {
    return new PrintStream(bytes, true, StandardCharsets.UTF_8);
  }

  private static String text(ByteArrayOutputStream bytes) {
    return bytes.toString(StandardCharsets.UTF_8);
  }
}
