package io.github.peft4j.data.reader;

import static org.assertj.core.api.Assertions.assertThat;

import io.github.peft4j.data.Dataset;
import io.github.peft4j.data.TextExample;
import java.io.BufferedWriter;
import java.io.IOException;
import java.io.OutputStreamWriter;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.zip.GZIPOutputStream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** A process with a heap of 32 MiB reads, shuffles and splits files of 80 MB. */
class LargerThanMemoryTest {

  private static final int ROWS = 20_000;
  private static final String PADDING = "x".repeat(4000);

  @TempDir Path folder;

  /** The process. */
  public static void main(String[] files) {
    for (String file : files) {
      Dataset<TextExample> texts =
          Data.read(file).filter("n", n -> !n.equals("7")).text("{n} {pad}").dataset();
      Dataset.Split<TextExample> split = texts.shuffle(42).split(0.25, 1);
      long sum = 0;
      for (TextExample example : split.train()) {
        sum += number(example);
      }
      for (TextExample example : split.heldOut()) {
        sum += number(example);
      }
      System.out.println(texts.size() + " " + sum + " " + Runtime.getRuntime().maxMemory());
    }
  }

  private static int number(TextExample example) {
    if (example.text().length() < PADDING.length()) {
      throw new AssertionError("a text was cut");
    }
    return Integer.parseInt(example.text().substring(0, example.text().indexOf(' ')));
  }

  private String file(String name, String start, String row, String between, String end)
      throws IOException {
    Path path = folder.resolve(name);
    try (BufferedWriter out =
        new BufferedWriter(
            new OutputStreamWriter(
                name.endsWith(".gz")
                    ? new GZIPOutputStream(Files.newOutputStream(path))
                    : Files.newOutputStream(path),
                StandardCharsets.UTF_8))) {
      out.write(start);
      for (int i = 0; i < ROWS; i++) {
        out.write((i == 0 ? "" : between) + row.formatted(i, PADDING));
      }
      out.write(end);
    }
    return path.toString();
  }

  @Test
  void rowsStayOnDisk() throws Exception {
    String object = "{\"n\":%d,\"pad\":\"%s\"}";
    List<String> files =
        List.of(
            file("d.jsonl", "", object, "\n", "\n"),
            file("d.json", "[", object, ",", "]"),
            file("d.csv", "n,pad\n", "%d,\"%s\"", "\n", "\n"),
            file("d.jsonl.gz", "", object, "\n", "\n"));
    List<String> command =
        new ArrayList<>(
            List.of(
                Path.of(System.getProperty("java.home"), "bin", "java").toString(),
                "-Xmx32m",
                "-Djava.io.tmpdir=" + folder,
                "-cp",
                System.getProperty("java.class.path"),
                LargerThanMemoryTest.class.getName()));
    command.addAll(files);
    Path output = folder.resolve("output");
    Process process =
        new ProcessBuilder(command)
            .redirectError(folder.resolve("errors").toFile())
            .redirectOutput(output.toFile())
            .start();
    int status = process.waitFor();
    assertThat(Files.readString(folder.resolve("errors"))).doesNotContain("Exception", "Error");
    assertThat(status).isZero();
    String expected = (ROWS - 1) + " " + (ROWS * (ROWS - 1L) / 2 - 7) + " ";
    assertThat(Files.readAllLines(output))
        .hasSize(4)
        .allSatisfy(line -> assertThat(line).startsWith(expected));
    // The temporary file is gone with its process.
    try (var left = Files.list(folder)) {
      assertThat(left).noneMatch(path -> path.getFileName().toString().startsWith("peft4j-rows-"));
    }
  }
}
