package io.github.peft4j.examples;

import static org.assertj.core.api.Assertions.assertThat;

import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.io.PrintStream;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class AssistantTest {

  private static final String CHAT = "../peft-methods/src/test/resources/golden-chat-training";

  @TempDir private Path folder;

  private final ByteArrayOutputStream out = new ByteArrayOutputStream();
  private final ByteArrayOutputStream err = new ByteArrayOutputStream();

  private int run(String... args) {
    PrintStream before = System.out;
    try (PrintStream printed = new PrintStream(out, true, StandardCharsets.UTF_8);
        PrintStream errors = new PrintStream(err, true, StandardCharsets.UTF_8)) {
      System.setOut(printed);
      return Assistant.PROGRAM.run(args, Assistant::run, printed, errors);
    } finally {
      System.setOut(before);
    }
  }

  private String texts(String... lines) throws IOException {
    return Files.write(folder.resolve("faq.txt"), List.of(lines)).toString();
  }

  @Test
  void findsTextsAndAnswers() throws IOException {
    String texts =
        texts("The shop is closed on Sundays.", "", "Reset the PIN in the settings of your card.");

    int code =
        run(
            "--texts",
            texts,
            "--ask",
            "A new PIN?",
            "--best",
            "1",
            "--model",
            CHAT,
            "--tokens",
            "5",
            "--adapter",
            CHAT + "/adapter");

    assertThat(err.toString(StandardCharsets.UTF_8)).isEmpty();
    assertThat(code).isZero();
    assertThat(out.toString(StandardCharsets.UTF_8).lines().toList())
        .first()
        .isEqualTo("found: Reset the PIN in the settings of your card.");
    assertThat(out.toString(StandardCharsets.UTF_8)).contains("answer: ");
  }

  @Test
  void namesAFileWithoutTexts() throws IOException {
    String texts = texts("", " ");

    assertThat(run("--texts", texts, "--ask", "Who?")).isEqualTo(Program.MISTAKE);
    assertThat(err.toString(StandardCharsets.UTF_8)).contains("faq.txt has no text");
    err.reset();
    assertThat(run("--texts", texts + "2", "--ask", "Who?")).isEqualTo(Program.MISTAKE);
    assertThat(err.toString(StandardCharsets.UTF_8)).contains("faq.txt2 cannot be read");
  }
}
