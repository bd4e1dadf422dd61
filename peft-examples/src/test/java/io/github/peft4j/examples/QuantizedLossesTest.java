package io.github.peft4j.examples;

import static org.assertj.core.api.Assertions.assertThat;

import io.github.peft4j.Peft;
import io.github.peft4j.data.Dataset;
import io.github.peft4j.data.PromptExample;
import io.github.peft4j.examples.TextLosses.Curve;
import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.io.PrintStream;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Collections;
import java.util.List;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class QuantizedLossesTest {

  private static final String CHAT = "../peft-methods/src/test/resources/golden-chat-training";

  @TempDir private Path folder;

  private final ByteArrayOutputStream err = new ByteArrayOutputStream();

  private int run(String... args) {
    PrintStream errors = new PrintStream(err, true, StandardCharsets.UTF_8);
    return QuantizedLosses.PROGRAM.run(args, QuantizedLosses::run, System.out, errors);
  }

  @Test
  void trainingsOfOneSeedReadTheSameBatches() {
    PromptExample row = new PromptExample("Who sat?", "The cat.");
    PromptExample other = new PromptExample("Who?", "The cat sat.");
    Dataset<PromptExample> rows = new Dataset<>(List.of(row, other, other, row));
    TextLosses losses =
        new TextLosses(
            () -> Peft.from(CHAT), new Dataset.Split<>(rows, rows), 2, 32, 4, 1e-3, false);

    Curve plain = losses.train("", 1);
    Curve again = losses.train("", 1);
    Curve otherSeed = losses.train("", 2);
    Curve fewer = losses.train("nf4", 1);

    assertThat(plain.losses()).hasSize(4).isEqualTo(again.losses());
    assertThat(otherSeed.losses()).isNotEqualTo(plain.losses());
    assertThat(otherSeed.before()).isEqualTo(plain.before());
    assertThat(plain.after()).isLessThan(plain.before());
    assertThat(fewer.before()).isNotEqualTo(plain.before());
    assertThat(fewer.line()).contains("\"quantize\":\"nf4\"", "\"seed\":1", "\"cores\":");
  }

  @Test
  void theEndOfATrainingIsTheMeanOfTwentySteps() {
    Curve falling = new Curve("", 1, 2, 1, steps(10, 3, 20, 1.25), "");
    Curve other = new Curve("int8", 1, 2.5, 0.5, steps(1, 9, 20, 1), "");

    assertThat(falling.last()).isEqualTo(1.25);
    assertThat(other.against(falling))
        .isEqualTo(
            "int8, seed 1: held out before 2.5000 (+25.00 %), last 20 steps 1.0000 (-20.00 %),"
                + " held out after 0.5000 (-50.00 %)");
  }

  private static List<Double> steps(int first, double early, int last, double late) {
    List<Double> losses = new ArrayList<>(Collections.nCopies(first, early));
    losses.addAll(Collections.nCopies(last, late));
    return losses;
  }

  @Test
  void aClassifierLearnsRowsWithALabel() throws IOException {
    Path rows = folder.resolve("rows.csv");
    Files.writeString(rows, "text,label\n" + "the cat,yes\nthe dog,no\n".repeat(6));
    String bert = "../peft-methods/src/test/resources/golden-task-training/filler";
    assertThat(
            run(
                "--model",
                bert,
                "--data",
                rows.toString(),
                "--label",
                "label",
                "--steps",
                "2",
                "--length",
                "16",
                "--quantize",
                "int8",
                "--seeds",
                "1,2",
                "--held-out",
                "2"))
        .isZero();
    assertThat(err.toString(StandardCharsets.UTF_8)).isEmpty();
  }

  @Test
  void mistakesAreSaidBeforeTheFirstTraining() {
    assertThat(run("--lr", "1e-3")).isEqualTo(Program.MISTAKE);
    assertThat(run("--model", CHAT, "--shape", "tiny")).isEqualTo(Program.MISTAKE);
    assertThat(run("--model", CHAT, "--data", "none.csv", "--seeds", "one"))
        .isEqualTo(Program.MISTAKE);
    assertThat(run("--model", CHAT, "--quantize", "int3")).isEqualTo(Program.MISTAKE);
    assertThat(err.toString(StandardCharsets.UTF_8).lines())
        .satisfiesExactly(
            line -> assertThat(line).contains("--lr is for a pretrained --model"),
            line -> assertThat(line).contains("--shape and --model exclude each other"),
            line -> assertThat(line).contains("--seeds is 'one'"),
            line -> assertThat(line).contains("--quantize: no quantization is called 'int3'"));
  }
}
