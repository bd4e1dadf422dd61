package io.github.peft4j.examples;

import static org.assertj.core.api.Assertions.assertThat;

import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.io.PrintStream;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.function.Consumer;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** The programs for conversations, entities and pairs, each with a tiny model and a few rows. */
class TaskProgramsTest {

  private static final String MODELS = "../peft-methods/src/test/resources/";
  private static final String CHAT = MODELS + "golden-chat-training";
  private static final String BERT = MODELS + "golden-task-training/filler";

  @TempDir private Path folder;

  private final ByteArrayOutputStream err = new ByteArrayOutputStream();

  private int run(Program program, Consumer<Arguments> body, String... args) {
    List<String> all = new ArrayList<>(List.of(args));
    all.addAll(List.of("--out", folder.resolve("out").toString(), "--epochs", "1"));
    PrintStream errors = new PrintStream(err, true, StandardCharsets.UTF_8);
    return program.run(all.toArray(String[]::new), body, System.out, errors);
  }

  private String data(String name, String row, int rows) throws IOException {
    return Files.writeString(folder.resolve(name), row.repeat(rows)).toString();
  }

  private void check(int code) {
    assertThat(err.toString(StandardCharsets.UTF_8)).isEmpty();
    assertThat(code).isZero();
    for (String file :
        List.of(
            "adapter_config.json", "adapter_model.safetensors", "training.png", "report.html")) {
      assertThat(folder.resolve("out").resolve(file)).isNotEmptyFile();
    }
  }

  @Test
  void chat() throws IOException {
    String rows =
        data(
            "chats.jsonl",
            "{\"messages\": [{\"role\": \"user\", \"content\": \"Who sat?\"},"
                + " {\"role\": \"assistant\", \"content\": \"The cat.\"}]}\n",
            6);
    check(
        run(
            Chat.PROGRAM,
            Chat::run,
            "--model",
            CHAT,
            "--data",
            rows,
            "--ask",
            "Who?",
            "--packing",
            "--train-on",
            "last"));
    assertThat(folder.resolve("out/report.html"))
        .content()
        .contains("Who sat?")
        .contains("trained on last turn");
  }

  @Test
  void chatNamesWhatItCannotLearn() throws IOException {
    String texts = data("texts.jsonl", "{\"story\": \"The cat sat.\"}\n", 4);
    assertThat(run(Chat.PROGRAM, Chat::run, "--model", CHAT, "--data", texts))
        .isEqualTo(Program.MISTAKE);
    assertThat(err.toString(StandardCharsets.UTF_8))
        .startsWith("Chat: ")
        .contains("story")
        .hasLineCount(1);
    err.reset();
    String chats =
        data("chats.jsonl", "{\"messages\": [{\"role\": \"user\", \"content\": \"Who?\"}]}\n", 4);
    assertThat(run(Chat.PROGRAM, Chat::run, "--model", CHAT, "--data", chats))
        .isEqualTo(Program.MISTAKE);
    assertThat(err.toString(StandardCharsets.UTF_8)).contains("no message has the role assistant");
    err.reset();
    assertThat(
            run(Chat.PROGRAM, Chat::run, "--model", CHAT, "--data", chats, "--train-on", "first"))
        .isEqualTo(Program.MISTAKE);
    assertThat(err.toString(StandardCharsets.UTF_8)).contains("expected assistant, last or all");
  }

  @Test
  void entities() throws IOException {
    String rows = data("train.conll", "the O\ncat B-ANIMAL\nsat O\n\nmat B-PLACE\n\n", 6);
    check(
        run(
            Entities.PROGRAM,
            Entities::run,
            "--model",
            BERT,
            "--data",
            rows,
            "--find",
            "the cat sat"));
    String table =
        data("train.jsonl", "{\"w\": [\"the\", \"cat\"], \"tags\": [\"O\", \"B-A\"]}\n", 4);
    check(run(Entities.PROGRAM, Entities::run, "--model", BERT, "--data", table, "--words", "w"));
  }

  @Test
  void pairsWithLabelsAndWithScores() throws IOException {
    String labelled =
        data(
            "nli.jsonl",
            "{\"a\":\"the cat\",\"b\":\"sat\",\"label\":\"yes\"}\n{\"a\":\"the dog\",\"b\":\"on\",\"label\":\"no\"}\n",
            6);
    check(
        run(
            Pairs.PROGRAM,
            Pairs::run,
            "--model",
            BERT,
            "--data",
            labelled,
            "--text",
            "a",
            "--pair",
            "b"));
    String scored = data("sts.csv", "", 0);
    Files.writeString(Path.of(scored), "a,b,s\n" + "the cat,sat,0.5\nthe dog,on,1.5\n".repeat(6));
    check(
        run(
            Pairs.PROGRAM,
            Pairs::run,
            "--model",
            BERT,
            "--data",
            scored,
            "--text",
            "a",
            "--pair",
            "b",
            "--score",
            "s"));
  }
}
