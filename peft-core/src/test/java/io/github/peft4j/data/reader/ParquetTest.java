package io.github.peft4j.data.reader;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import com.google.gson.JsonArray;
import com.google.gson.JsonElement;
import com.google.gson.JsonObject;
import com.google.gson.JsonParser;
import io.github.peft4j.data.DataException;
import io.github.peft4j.data.TextExample;
import io.github.peft4j.data.Values;
import java.io.File;
import java.io.IOException;
import java.net.URISyntaxException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.stream.Collectors;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.MethodSource;
import org.junit.jupiter.params.provider.ValueSource;

/** Files that pyarrow wrote, against the rows that it reads out of them. */
class ParquetTest {

  @TempDir Path folder;

  static Path file(String name) {
    try {
      return Path.of(
              Objects.requireNonNull(
                      ParquetTest.class.getResource("/io/github/peft4j/data/format/expected.json"))
                  .toURI())
          .resolveSibling(name);
    } catch (URISyntaxException e) {
      throw new IllegalStateException(e);
    }
  }

  static JsonObject expected() throws IOException {
    return JsonParser.parseString(Files.readString(file("expected.json"))).getAsJsonObject();
  }

  static List<String> names() throws IOException {
    return expected().keySet().stream().filter(name -> !name.startsWith("empty")).toList();
  }

  @ParameterizedTest
  @MethodSource("names")
  void rowsAreThoseOfPyarrow(String name) throws IOException {
    List<Map<String, Object>> rows = new ArrayList<>();
    Data.read(file(name))
        .map(
            row -> {
              rows.add(row);
              return new TextExample("");
            });
    JsonArray expected = expected().getAsJsonArray(name);
    assertThat(rows).hasSize(expected.size());
    for (int i = 0; i < rows.size(); i++) {
      JsonElement row = JsonParser.parseString(Values.json(rows.get(i)));
      assertThat(row).as("row %d", i + 1).isEqualTo(expected.get(i));
    }
  }

  @Test
  void columnsAndPlacesAreTheFiles() {
    Table table = Data.read(file("chats-zstd.parquet"));
    assertThat(table.columns()).containsExactly("messages", "text", "label");
    assertThatThrownBy(() -> table.text("text").dataset())
        .isInstanceOf(DataException.class)
        .hasMessageContaining("chats-zstd.parquet, row 3: column 'text' is missing or null");
    assertThatThrownBy(table::messages)
        .hasMessageContaining("row 3: column 'messages' has no messages");
    assertThat(table.filter("label", "1"::equals).messages().get(0).conversation().json())
        .isEqualTo(
            "{\"messages\":[{\"role\":\"user\",\"content\":\"Héllo 😀\"},{\"role\":\"assistant\","
                + "\"tool_calls\":[{\"type\":\"function\",\"function\":{\"name\":\"add\","
                + "\"arguments\":\"{\\\"a\\\": 1}\"}}]}]}");
  }

  @Test
  void contentSaysWhatIsParquet() throws IOException {
    Path other = Files.copy(file("chats-none.parquet"), folder.resolve("data.bin"));
    assertThat(Data.read(other).size()).isEqualTo(4);
    assertThatThrownBy(() -> Csv.read(other))
        .hasMessageContaining("is a Parquet file, expected CSV");
    Path no = Files.writeString(folder.resolve("no.parquet"), "text\na\n");
    assertThatThrownBy(() -> Data.read(no)).hasMessageContaining("starts with PAR1");
    assertThatThrownBy(() -> Data.read(file("empty.parquet"))).hasMessageContaining("no rows");
  }

  @Test
  void whatIsNotReadIsNamed() {
    assertThatThrownBy(() -> Data.read(file("brotli.parquet")))
        .isInstanceOf(DataException.class)
        .hasMessageContainingAll(
            "brotli.parquet", "packed by BROTLI. Write it with zstd or snappy");
  }

  @Test
  void halfPrecisionNumbersAreNumbers() {
    assertThat(
            Data.read(file("more-types.parquet"))
                .filter("float16", "0.0999755859375"::equals)
                .text("long_text")
                .score("float16")
                .get(0)
                .value())
        .isEqualTo(0.0999755859375);
  }

  @ParameterizedTest
  @ValueSource(strings = {"chats-none", "chats-snappy", "chats-gzip", "chats-zstd", "groups"})
  void truncatedFilesSaySo(String name) throws IOException {
    byte[] bytes = Files.readAllBytes(file(name + ".parquet"));
    for (int length : new int[] {4, 8, 40, bytes.length / 2, bytes.length - 1}) {
      Path cut = folder.resolve("cut.parquet");
      Files.write(cut, Arrays.copyOf(bytes, length));
      assertThatThrownBy(() -> Data.read(cut))
          .isInstanceOf(DataException.class)
          .hasMessageContainingAll("cut.parquet", "truncated, damaged");
    }
  }

  /** A process that reads a file. */
  static final class Reading {

    private Reading() {}

    public static void main(String[] files) {
      Data.read(files[0]);
    }
  }

  @Test
  void withoutTheLibraryItsArtifactIsNamed() throws Exception {
    String classPath =
        Arrays.stream(System.getProperty("java.class.path").split(File.pathSeparator))
            .filter(entry -> !Path.of(entry).getFileName().toString().startsWith("parquet-"))
            .collect(Collectors.joining(File.pathSeparator));
    Path output = folder.resolve("output");
    Process process =
        new ProcessBuilder(
                Path.of(System.getProperty("java.home"), "bin", "java").toString(),
                "-cp",
                classPath,
                Reading.class.getName(),
                file("chats-zstd.parquet").toString())
            .redirectErrorStream(true)
            .redirectOutput(output.toFile())
            .start();
    assertThat(process.waitFor()).isEqualTo(1);
    assertThat(Files.readString(output))
        .contains("IllegalStateException", "add blue.strategic.parquet:parquet-floor:2.3");
  }
}
