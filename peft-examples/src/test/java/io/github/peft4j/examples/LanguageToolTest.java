package io.github.peft4j.examples;

import static org.assertj.core.api.Assertions.assertThat;

import com.google.gson.JsonObject;
import com.google.gson.JsonParser;
import java.io.ByteArrayOutputStream;
import java.io.PrintStream;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.util.List;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** The main job on a handful of sentences: it runs through and leaves what it says. */
class LanguageToolTest {

  @TempDir Path folder;

  @Test
  void trainsSavesLoadsAgainAndReports() {
    String out = run("--examples", "64", "--tests", "32", "--out", folder.toString());

    List<String> lines = out.lines().toList();
    JsonObject last = JsonParser.parseString(lines.get(lines.size() - 1)).getAsJsonObject();
    assertThat(last.get("task").getAsString()).isEqualTo("languagetool");
    assertThat(last.get("method").getAsString()).isEqualTo("lora");
    assertThat(last.get("trainable").getAsLong()).isEqualTo(222_338); // as Hugging Face PEFT says
    assertThat(last.get("accuracy").getAsDouble()).isBetween(0.0, 1.0);
    assertThat(out).contains("same predictions");
    assertThat(folder)
        .isDirectoryContaining("glob:**adapter_config.json")
        .isDirectoryContaining("glob:**adapter_model.safetensors")
        .isDirectoryContaining("glob:**training.png");
  }

  @Test
  void comparesMethodsInOneRun() {
    String methods = "head,bitfit";
    String out =
        run("--compare", methods, "--examples", "64", "--tests", "32", "--out", folder.toString());

    assertThat(out)
        .containsPattern("(?m)^head +[\\d.]+ % +148,610 ")
        .containsPattern("(?m)^bitfit +[\\d.]+ % +174,338 ");
    assertThat(folder.resolve("comparison.png")).exists();
    assertThat(folder.resolve("bitfit/adapter_config.json")).exists();
  }

  private static String run(String... args) {
    PrintStream before = System.out;
    ByteArrayOutputStream bytes = new ByteArrayOutputStream();
    System.setOut(new PrintStream(bytes, true, StandardCharsets.UTF_8));
    try {
      LanguageTool.main(args);
    } finally {
      System.setOut(before);
    }
    return bytes.toString(StandardCharsets.UTF_8);
  }
}
