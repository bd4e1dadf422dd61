package io.github.peft4j.examples;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assumptions.assumeThat;

import com.google.gson.JsonObject;
import com.google.gson.JsonParser;
import io.github.peft4j.examples.Comparison.Result;
import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.io.PrintStream;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.TreeMap;
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
        .isDirectoryContaining("glob:**training.png")
        .isDirectoryContaining("glob:**report.html");
  }

  /** In one process, a small method that comes after a large one would seem to be as large. */
  @Test
  void comparesMethodsWhateverTheirOrder() throws IOException {
    Map<String, Result> largeFirst = compare("full", "head");
    Map<String, Result> smallFirst = compare("head", "full");

    for (String method : List.of("full", "head")) {
      Result one = of(method, largeFirst);
      Result other = of(method, smallFirst);
      assertThat(one.accuracy()).isEqualTo(other.accuracy());
      assertThat(memory(one) / memory(other)).as("%s, %s", one, other).isBetween(0.85, 1.18);
    }
    assertThat(memory(of("head", largeFirst))).isLessThan(0.8 * memory(of("full", largeFirst)));
  }

  private static Result of(String method, Map<String, Result> results) {
    return Objects.requireNonNull(results.get(method), method);
  }

  private static double memory(Result result) {
    Long mebibytes = result.peakMemoryMib();
    assumeThat(mebibytes).as("this system reports no memory").isNotNull();
    return Objects.requireNonNull(mebibytes).doubleValue();
  }

  private Map<String, Result> compare(String... methods) throws IOException {
    Path out = folder.resolve(String.join("-", methods));
    String names = String.join(",", methods);
    String printed =
        run("--compare", names, "--examples", "64", "--tests", "32", "--out", out.toString());
    assertThat(printed)
        .containsPattern("(?m)^head +[\\d.]+ % +148,610 ")
        .containsPattern("(?m)^full +[\\d.]+ % +22,713,986 ");
    assertThat(out.resolve("comparison.png")).exists();
    Map<String, Result> results = new TreeMap<>();
    for (String method : methods) {
      assertThat(out.resolve(method).resolve("adapter_config.json")).exists();
      String json = Files.readString(out.resolve(method).resolve("result.json"));
      results.put(method, Result.of(json));
    }
    return results;
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
