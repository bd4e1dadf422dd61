package io.github.peft4j.examples.bench;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatIllegalArgumentException;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class ResultsTest {

  private static final String OURS = line("peft4j", 100, 4, 1.5);
  private static final String EAGER = line("eager", 250, 10, 1.5);
  private static final String COMPILE = line("compile", 80, 3, 1.5);

  /** A line as both programs print it. */
  private static String line(String side, int milliseconds, int gibibytes, double load) {
    return """
    {"side":"%s","case":"train","shape":"1b","method":"lora","rows":"even","precision":"bfloat16","batch":4,"length":2048,\
    "new_tokens":0,"revision":"abc","device":"gpu","card":"NVIDIA H200","driver":"570.1","cpu":"x","cores":16,"load":%s,\
    "steps":8,"step_ms":%d,"cpu_ms":7.5,"tokens_per_second":%d,"device_memory_mib":%d,"peak_rss_mib":5}\
    """
        .formatted(side, load, milliseconds, 1000 * 8192 / milliseconds, 1024 * gibibytes);
  }

  @Test
  void aTableHasTheRatiosToEachSide() {
    assertThat(MarkdownTable.of(Results.of(List.of("a warning", OURS, EAGER, COMPILE))))
        .isEqualTo(
            """
            **NVIDIA H200**, revision abc

            | case |  | ms a step | tokens/s | MiB | peft4j is |
            | --- | --- | ---: | ---: | ---: | ---: |
            | 1b, lora, train, 4 × 2048, bfloat16 | peft4j | 100.0 | 81,920 | 4,096 |  |
            |  | eager | 250.0 | 32,768 | 10,240 | 2.50 times |
            |  | compile | 80.0 | 102,400 | 3,072 | 0.80 times |
            """);
  }

  @Test
  void casesStandApart() {
    String other =
        OURS.replace("\"even\"", "\"packed\"")
            .replace("\"revision\":\"abc\"", "\"revision\":\"d\"");

    assertThat(MarkdownTable.of(Results.of(List.of(OURS, other))))
        .contains("revision abc")
        .contains("revision d\n")
        .contains("4 × 2048, packed, bfloat16");
  }

  @Test
  void ofSeveralLinesTheMedianCounts() {
    Results results =
        Results.of(List.of(OURS, line("peft4j", 90, 4, 1), line("peft4j", 500, 4, 1), EAGER));

    assertThat(results.cases()).hasSize(1);
    assertThat(results.cases().get(0).ratioTo("eager")).hasValue(2.5);
    assertThat(results.cases().get(0).ratioTo("compile")).isEmpty();
  }

  @Test
  void aFileGetsARowForEachMachineRevisionAndCase(@TempDir Path folder) throws IOException {
    Path csv = folder.resolve("performance.csv");
    String later = OURS.replace("\"revision\":\"abc\"", "\"revision\":\"def\"");

    assertThat(CsvFile.add(csv, Results.of(List.of(OURS, EAGER)))).isZero();
    CsvFile.add(csv, Results.of(List.of(later)));
    CsvFile.add(csv, Results.of(List.of(line("peft4j", 50, 4, 1), EAGER)));

    List<String> rows = Files.readAllLines(csv);
    assertThat(rows).hasSize(3);
    assertThat(rows.get(0)).startsWith("machine,revision,shape,").endsWith(",to_eager,to_compile");
    assertThat(rows.get(1))
        .startsWith("NVIDIA H200,abc,1b,lora,train,even,4,2048,0,bfloat16,570.1,");
    assertThat(rows.get(1)).contains(",163840,4096,").endsWith(",5.000,");
    assertThat(rows.get(2)).startsWith("NVIDIA H200,def,1b,");
  }

  @Test
  void aBusyMachineIsSaidAndNotKept(@TempDir Path folder) throws IOException {
    Path csv = folder.resolve("performance.csv");
    Results results = Results.of(List.of(OURS, line("eager", 250, 10, 33)));

    assertThat(MarkdownTable.of(results)).contains("bfloat16 (busy machine) | peft4j");
    assertThat(CsvFile.add(csv, results)).isEqualTo(1);
    assertThat(Files.readAllLines(csv)).hasSize(1);
  }

  @Test
  void theMemoryOnACpuIsThatOfTheProcess() {
    String cpu = OURS.replaceAll("\"(card|driver)\":\"[^\"]*\",|\"device_memory_mib\":\\d+,", "");

    assertThat(MarkdownTable.of(Results.of(List.of(cpu))))
        .contains("**x, 16 cores**")
        .contains("| 5 |");
  }

  @Test
  void aLineThatLacksAFieldIsNamed(@TempDir Path folder) throws IOException {
    Path lines = folder.resolve("lines.jsonl");
    Files.writeString(lines, OURS.replace("\"shape\":\"1b\",", ""));
    Path none = folder.resolve("none.jsonl");
    Files.writeString(none, "nothing\n");
    Path broken = folder.resolve("broken.jsonl");
    Files.writeString(broken, "{\"side\":");
    Path csv = folder.resolve("other.csv");
    Files.writeString(csv, "a,b\n1,2\n");

    assertThatIllegalArgumentException()
        .isThrownBy(() -> Results.read(lines))
        .withMessageContaining("lines.jsonl: no field 'shape' in: {");
    assertThatIllegalArgumentException()
        .isThrownBy(() -> Results.read(none))
        .withMessageContaining("none.jsonl: no line of JSON");
    assertThatIllegalArgumentException()
        .isThrownBy(() -> Results.read(broken))
        .withMessageContaining("broken.jsonl: expected an object in JSON");
    assertThatIllegalArgumentException()
        .isThrownBy(() -> CsvFile.add(csv, Results.of(List.of(OURS))))
        .withMessageContaining("other.csv has the columns [a, b]");
  }
}
