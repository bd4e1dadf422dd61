package io.github.peft4j.data.reader;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.github.peft4j.data.DataException;
import io.github.peft4j.data.Examples;
import io.github.peft4j.data.TextExample;
import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.math.BigInteger;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.Random;
import java.util.function.Supplier;
import java.util.zip.GZIPOutputStream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** What people's files have wrong with them: a right result, or an error with file and line. */
class MalformedFilesTest {

  @TempDir Path folder;

  private Path file(String name, byte[] bytes) throws IOException {
    return Files.write(folder.resolve(name), bytes);
  }

  private Path file(String name, String text) throws IOException {
    return file(name, text.getBytes(StandardCharsets.UTF_8));
  }

  private static byte[] gzip(byte[] bytes) throws IOException {
    ByteArrayOutputStream out = new ByteArrayOutputStream();
    try (GZIPOutputStream gzip = new GZIPOutputStream(out)) {
      gzip.write(bytes);
    }
    return out.toByteArray();
  }

  private void refused(String name, String text, String... parts) throws IOException {
    Path path = file(name, text);
    assertThatThrownBy(() -> Data.read(path))
        .as(text)
        .isInstanceOf(DataException.class)
        .hasMessageContaining(path.toString())
        .hasMessageContainingAll(parts);
  }

  @Test
  void marksLineBreaksAndBlanks() throws IOException {
    String csv = "\uFEFFa,b\r\n\r\n\"x\r\ny\",\"\"\r\n\"q\"\"q\",z";
    assertThat(Data.read(file("d.csv", csv)).text("{a}|{b}").dataset())
        .containsExactly(new TextExample("x\r\ny|"), new TextExample("q\"q|z"));
    assertThat(Data.read(file("d.csv", "a,b\rx,y\rz,w\r")).text("a").dataset()).hasSize(2);
    String json = "\uFEFF{\"a\":\"x\"}\r\n \r\n{\"a\":\"y\\r\\n\"}\r\n";
    assertThat(Data.read(file("d.jsonl", json)).text("a").dataset())
        .containsExactly(new TextExample("x"), new TextExample("y\r\n"));
    assertThat(
            Data.read(file("d.json", "\uFEFF [\r\n{\"a\":\"]},\\\"[\"} , {\"a\":\"y\"}\r\n]\r\n"))
                .text("a")
                .dataset())
        .containsExactly(new TextExample("]},\"["), new TextExample("y"));
    assertThat(Data.read(file("d.txt", "one\r\n\ntwo")).dataset())
        .containsExactly(new TextExample("one"), new TextExample("two"));
    assertThat(Data.read(file("d.tsv", "a\tb\n\"x\ty\n")).text("a").dataset())
        .containsExactly(new TextExample("\"x"));
  }

  @Test
  void placesAreWhereRowsStart() throws IOException {
    Table table = Data.read(file("d.csv", "a,b\n\"1\n2\n3\",x\n4,\n"));
    assertThatThrownBy(() -> table.text("a").label("b"))
        .hasMessageContaining("d.csv, line 5: label 'b' is blank");
    refused("e.csv", "a,b\n\"1\n2\",x\n3,y,z\n", "line 4: expected 2 values (a, b), found 3");
    refused("f.json", "[\n{\"a\":1},\n\n{\"a\":}]", "element 2 (line 4)", "at $.a");
  }

  @Test
  void numbersAreThoseOfPython() throws IOException {
    List<Object> values = new ArrayList<>();
    Data.read(
            file(
                "d.jsonl",
                "{\"n\":[1,-0,1.0,1e2,9223372036854775807,9223372036854775808,0.1,-0.0]}"))
        .map(
            row -> {
              values.addAll((List<?>) Objects.requireNonNull(row.get("n")));
              return new TextExample("");
            });
    assertThat(values)
        .containsExactly(
            1L, 0L, 1.0, 100.0, Long.MAX_VALUE, new BigInteger("9223372036854775808"), 0.1, -0.0);
    assertThat(Data.read(file("d.jsonl", "{\"n\":12345678901234567890}")).text("n").dataset())
        .containsExactly(new TextExample("12345678901234567890"));
    refused("e.jsonl", "{\"n\":1e999}", "line 1: the number 1e999 at $.n is larger");
    refused("e.jsonl", "{\"n\":" + "9".repeat(5000) + "}", "line 1", "at $.n");
    refused(
        "e.jsonl", "{\"a\":1}\n{\"n\":NaN}", "line 2", "NaN and Infinity are no JSON. Write null");
    refused("e.jsonl", "{\"n\":01}", "line 1");
  }

  @Test
  void jsonThatIsNoRow() throws IOException {
    refused(
        "d.jsonl", "{\"a\":1,\"b\":{\"a\":1,\"a\":2}}", "line 1: key 'a' stands twice", "$.b.a");
    refused("d.jsonl", "{\"a\":\"x\"}\n[1,2]", "line 2: expected one JSON object, found '[1,2]'");
    refused("d.json", "[1,2]", "element 1 (line 1): expected one JSON object, found '1'");
    refused("d.json", "[[{}]]", "element 1 (line 1)");
    refused("d.json", "[{}] []", "line 1: there is more after the end");
    refused("d.json", "[{\"a\":1},]", "element 2 (line 1)");
    refused(
        "d.json", "[{\"a\":1} {\"a\":2}]", "expected a comma or the end of the array, found '{'");
    refused("d.json", "[{\"a\":1},\n{\"a\":", "the file ends within its JSON array");
    refused("d.json", "[]", "there are no rows");
    refused(
        "d.json", "{\"a\": \"\\ud83d\"}", "$.a has half a surrogate pair (\\ud83d) at character 0");
    refused("d.json", "{\"a\": \"x\ty\"}", "line 1");
    String deep = "[".repeat(100_000) + "]".repeat(100_000);
    refused("d.json", "{\"a\":" + deep + "}", "line 1");
    refused("d.json", deep, "element 1 (line 1)");
    refused("d.jsonl", "{\"a\":1}\n{\"a\":\"x\n{\"a\":2}\n", "line 2");
    assertThat(Data.read(file("d.json", "{\"a\": \"\\ud83d\\ude00\\u0000\"}")).text("a").dataset())
        .containsExactly(new TextExample("😀\0"));
  }

  @Test
  void encodings() throws IOException {
    byte[] latin = "a\nx\ncafé\n".getBytes(StandardCharsets.ISO_8859_1);
    Path csv = file("d.csv", latin);
    assertThatThrownBy(() -> Data.read(csv))
        .isInstanceOf(DataException.class)
        .hasMessageContainingAll("d.csv, line 3 is not UTF-8 text", "iconv");
    Path wide = file("w.csv", "\uFEFFa\nx\n".getBytes(StandardCharsets.UTF_16LE));
    assertThatThrownBy(() -> Data.read(wide)).hasMessageContaining("UTF-16, expected UTF-8");
    Path noMark = file("n.csv", "a\nx\n".getBytes(StandardCharsets.UTF_16LE));
    assertThatThrownBy(() -> Data.read(noMark)).hasMessageContaining("is zero");
    refused("z.jsonl", "{\"a\":\"x\0\"}", "line 1: byte 7 of the row is zero");
  }

  @Test
  void packedFiles() throws IOException {
    byte[] rows = "{\"a\":\"x\"}\n{\"a\":\"y\"}\n".repeat(2000).getBytes(StandardCharsets.UTF_8);
    byte[] packed = gzip(rows);
    assertThat(Data.read(file("d.jsonl.gz", packed)).size()).isEqualTo(4000);
    // The content says that it is packed, whatever the name.
    assertThat(Data.read(file("d.jsonl", packed)).size()).isEqualTo(4000);
    assertThat(
            Data.read(file("e.json.gz", gzip("[{\"a\":1}]".getBytes(StandardCharsets.UTF_8))))
                .size())
        .isEqualTo(1);
    for (int length : new int[] {2, 9, packed.length / 2, packed.length - 1}) {
      Path cut = file("cut.jsonl.gz", Arrays.copyOf(packed, length));
      assertThatThrownBy(() -> Data.read(cut))
          .isInstanceOf(DataException.class)
          .hasMessageContainingAll("cut.jsonl.gz", "truncated or damaged");
    }
    byte[] wrong = packed.clone();
    wrong[packed.length - 6] ^= 1; // the checksum
    Path damaged = file("wrong.jsonl.gz", wrong);
    assertThatThrownBy(() -> Data.read(damaged)).hasMessageContaining("truncated or damaged");
    refused("d.zip", "PK\003\004", "ZIP archive or a spreadsheet");
  }

  @Test
  void aRowOfTenMegabytes() throws IOException {
    String text = "x".repeat(10 << 20);
    assertThat(
            Data.read(file("d.jsonl", "{\"a\":\"" + text + "\"}\n{\"a\":\"\"}"))
                .text("a")
                .dataset()
                .get(0)
                .text())
        .isEqualTo(text);
    assertThat(
            Data.read(file("d.csv", "a,b\n\"" + text + "\",c\n")).text("a").dataset().get(0).text())
        .isEqualTo(text);
  }

  @Test
  void headers() throws IOException {
    refused("d.csv", "a,b,a\n1,2,3\n", "line 1: the column name 'a' occurs twice");
    refused("d.csv", "a,b\n1\n", "line 2: expected 2 values (a, b), found 1");
    refused("d.csv", "", "there are no rows");
    refused("d.csv", "a,b\n\"1,2\n3,4\n", "line 2", "Quote a value");
    assertThat(Data.read(file("d.csv", ",text\n0,x\n")).text("text").dataset())
        .containsExactly(new TextExample("x"));
  }

  @Test
  void filesFoldersAndPatterns() throws IOException {
    file("b.jsonl", "{\"a\":\"2\"}");
    file("a.jsonl", "{\"a\":\"1\"}\n{\"a\":\"x\"}");
    file("README.md", "about");
    Files.createDirectory(folder.resolve("more"));
    file("more/c.jsonl", "{\"a\":\"3\"}");
    assertThat(Data.read(folder).text("a").dataset())
        .containsExactly(new TextExample("1"), new TextExample("x"), new TextExample("2"));
    assertThat(Data.read(folder + "/*.jsonl").size()).isEqualTo(3);
    assertThat(Data.read(folder + "/**.jsonl").size()).isEqualTo(4);
    assertThat(Data.read(folder + "/b.jsonl", folder + "/more").text("a").dataset())
        .containsExactly(new TextExample("2"), new TextExample("3"));
    assertThatThrownBy(() -> Data.read(folder + "/*.csv"))
        .isInstanceOf(DataException.class)
        .hasMessageContaining("no file matches");
    assertThatThrownBy(() -> Data.read(folder + "/{a,b.csv"))
        .isInstanceOf(DataException.class)
        .hasMessageContaining("/{a,b.csv' is no pattern of files: Missing '}");

    file("d.csv", "a\n1\n");
    assertThatThrownBy(() -> Data.read(folder))
        .isInstanceOf(DataException.class)
        .hasMessageContainingAll("several kinds", "JSON (a.jsonl, b.jsonl)", "CSV (d.csv)");
    Path splits = Files.createDirectory(folder.resolve("splits"));
    file("splits/train-0.jsonl", "{\"a\":\"1\"}");
    file("splits/test.jsonl", "{\"a\":\"1\"}");
    assertThatThrownBy(() -> Data.read(splits))
        .hasMessageContainingAll("several splits", "test (test.jsonl)", "train (train-0.jsonl)");
    Path empty = Files.createDirectory(folder.resolve("empty"));
    assertThatThrownBy(() -> Data.read(empty)).hasMessageContaining("no file ends with");
    assertThatThrownBy(() -> Data.read(folder.resolve("none.csv")))
        .hasMessageContaining("there is no file");
    refused("unknown", "text\nx\n", "neither name nor content say what kind");
    assertThat(Data.read(file("unknown", " {\"a\":\"x\"}")).size()).isEqualTo(1);
  }

  /** Seeded damage to good files: examples, or an error that names the file. Nothing else. */
  @Test
  void damagedFilesGiveExamplesOrDataExceptions() throws IOException {
    List<Map.Entry<String, byte[]>> seeds = new ArrayList<>();
    String jsonl =
        """
        {"text":"a é 😀","label":1,"messages":[{"role":"user","content":"Hi"}]}
        {"text":"b","label":2.5e3,"messages":[{"role":"user","content":[]}]}
        """;
    seeds.add(Map.entry("d.jsonl", jsonl.getBytes(StandardCharsets.UTF_8)));
    seeds.add(
        Map.entry(
            "d.json",
            ("[" + jsonl.replace("}\n{", "},\n{") + "]").getBytes(StandardCharsets.UTF_8)));
    byte[] csv = "text,label\n\"a \"\"é\"\"\n\",x\nb,y\n".getBytes(StandardCharsets.UTF_8);
    seeds.add(Map.entry("d.csv", csv));
    seeds.add(Map.entry("d.tsv", "text\tlabel\n\"a\tx\nb\ty\n".getBytes(StandardCharsets.UTF_8)));
    seeds.add(Map.entry("d.csv.gz", gzip(csv)));
    for (String codec : List.of("none", "snappy", "zstd", "gzip")) {
      seeds.add(
          Map.entry(
              "d.parquet", Files.readAllBytes(ParquetTest.file("chats-" + codec + ".parquet"))));
    }
    Random random = new Random(1);
    int read = 0;
    for (Map.Entry<String, byte[]> seed : seeds) {
      for (int i = 0; i < 150; i++) {
        read += examples(file(seed.getKey(), damaged(seed.getValue(), random)));
      }
    }
    // Most damage is seen, and some is none: both happen.
    assertThat(read).isBetween(200, 150 * 4 * seeds.size() / 2);
  }

  private static byte[] damaged(byte[] bytes, Random random) {
    byte[] copy = bytes.clone();
    for (int n = 1 + random.nextInt(3); n > 0; n--) {
      int at = random.nextInt(copy.length);
      switch (random.nextInt(4)) {
        case 0 -> copy[at] ^= (byte) (1 << random.nextInt(8));
        case 1 -> copy[at] = (byte) "\"\\{}[],:\n\r\t 0-é".charAt(random.nextInt(15));
        case 2 -> copy = Arrays.copyOf(copy, Math.max(1, at));
        default -> {
          int from = random.nextInt(copy.length);
          int length = Math.min(random.nextInt(8), copy.length - Math.max(from, at));
          System.arraycopy(bytes, Math.min(from, bytes.length - length), copy, at, length);
        }
      }
    }
    return copy;
  }

  /** How often the file gave rows and examples; else it gave an error that names it. */
  private static int examples(Path path) {
    try {
      Table table = Data.read(path);
      return 1
          + attempt(path, () -> table.text("text"))
          + attempt(path, () -> table.text("text").label("label"))
          + attempt(path, table::messages);
    } catch (DataException e) {
      assertThat(e).hasMessageContaining(path.toString());
      return 0;
    }
  }

  private static int attempt(Path path, Supplier<Examples<?>> examples) {
    try {
      assertThat(examples.get().dataset().size()).isPositive();
      return 1;
    } catch (DataException e) {
      assertThat(e).hasMessageContaining(path.toString());
      return 0;
    }
  }
}
