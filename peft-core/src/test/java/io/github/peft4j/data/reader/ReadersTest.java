package io.github.peft4j.data.reader;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.github.peft4j.data.ClassificationExample;
import io.github.peft4j.data.DataException;
import io.github.peft4j.data.Dataset;
import io.github.peft4j.data.Labels;
import io.github.peft4j.data.PromptExample;
import io.github.peft4j.data.TextExample;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;

class ReadersTest {

  @TempDir Path folder;

  private Path file(String content) throws IOException {
    return Files.writeString(folder.resolve("data"), content);
  }

  @Test
  void aTemplateSaysItsColumnsBeforeThereIsATable() {
    TemplateColumns columns =
        TemplateColumns.of("{a}{#b} in {b}{#c}{b}{c}{/c}{/b}{^d}none {e}{/d}{{f}}");
    assertThat(columns.named()).containsExactly("a", "b", "c", "d", "e");
    assertThat(columns.needed()).containsExactly("a");
    assertThat(TemplateColumns.of("body").needed()).containsExactly("body");
    assertThatThrownBy(() -> TemplateColumns.of("{a"))
        .isInstanceOf(IllegalArgumentException.class)
        .hasMessageContaining("never closed");
  }

  @Test
  void jsonLinesWithLabels() throws IOException {
    Path file = file("{\"text\": \"good\", \"label\": \"pos\"}\n{\"label\": 3, \"text\": \"bad\"}");

    assertThat(JsonLines.read(file).text("text").label("label"))
        .containsExactly(
            new ClassificationExample("good", "pos"), new ClassificationExample("bad", "3"));
  }

  @Test
  void byteOrderMarkCarriageReturnsAndBlankLines() throws IOException {
    Path json = file("\uFEFF{\"t\": \"a\"}\r\n\r\n{\"t\": \"b\"}\r\n");
    assertThat(JsonLines.read(json).text("t").dataset())
        .containsExactly(new TextExample("a"), new TextExample("b"));

    Path csv = file("\uFEFFt,l\r\na,1\r\n\r\n\"b\r\nc\",2");
    assertThat(Csv.read(csv.toString()).text("t").label("l"))
        .containsExactly(
            new ClassificationExample("a", "1"), new ClassificationExample("b\r\nc", "2"));
  }

  @Test
  void allFormatsGiveTheSameExamples() throws IOException {
    Dataset<ClassificationExample> json =
        JsonLines.read(file("{\"a\":\"x\",\"b\":\"y\",\"c\":0}")).text("a").pair("b").label("c");
    Dataset<ClassificationExample> csv =
        Csv.read(file("a,b,c\nx,y,0")).text("a").pair("b").label("c");
    Dataset<ClassificationExample> tsv =
        Tsv.read(file("x\ty\t0\n"), "a", "b", "c").text("a").pair("b").label("c");

    assertThat(json).isEqualTo(csv).isEqualTo(tsv);
    assertThat(json.sha256()).isEqualTo(csv.sha256()).isEqualTo(tsv.sha256());
  }

  @Test
  void quotesAreSyntaxInCsvAndCharactersInTsv() throws IOException {
    assertThat(Csv.read(file("t\n\"a \"\"b\"\", c\"")).text("t").dataset().get(0).text())
        .isEqualTo("a \"b\", c");
    assertThat(Tsv.read(file("t\n\"a\" b")).text("t").dataset().get(0).text()).isEqualTo("\"a\" b");
  }

  @Test
  void templates() throws IOException {
    Table table = Csv.read(file("mr,ref\nname[Aromi],A café.\n"));

    assertThat(table.prompt("{mr} ->").answer(" {ref}"))
        .containsExactly(new PromptExample("name[Aromi] ->", " A café."));
    assertThat(table.text("{{{mr}}}").dataset().get(0).text()).isEqualTo("{name[Aromi]}");
    assertThatThrownBy(() -> table.prompt("{mr ->"))
        .hasMessage(
            "template '{mr ->': the brace at position 0 is never closed."
                + " Write {{ or }} for a brace itself");
    assertThatThrownBy(() -> table.prompt("{mr}} ->")).hasMessageContaining("position 4");
  }

  @Test
  void missingColumnNamesThoseThereAre() throws IOException {
    Path file = file("text,label\na,b");
    assertThatThrownBy(() -> Csv.read(file).text("text").label("lable"))
        .isInstanceOf(DataException.class)
        .hasMessage(file + ": no column 'lable': the columns are text, label");
  }

  @Test
  void missingValueNamesItsLine() throws IOException {
    Path file = file("{\"t\":\"a\",\"l\":1}\n\n{\"t\":\"b\",\"l\":null}");
    assertThatThrownBy(() -> JsonLines.read(file).text("t").label("l"))
        .isInstanceOf(DataException.class)
        .hasMessageContaining("line 3: column 'l' is missing or null");

    Path blank = file("t,l\na, \n");
    assertThatThrownBy(() -> Csv.read(blank).text("t").label("l"))
        .hasMessageContainingAll("line 2: label 'l' is blank", ".labelled(\"l\")");
  }

  private static void assertNoLabel(Table table, String... parts) {
    assertThatThrownBy(() -> table.text("t").label("l"))
        .isInstanceOf(DataException.class)
        .hasMessageContainingAll(parts);
    assertThatThrownBy(() -> table.text("t").pair("t").label("l"))
        .isInstanceOf(DataException.class)
        .hasMessageContainingAll(parts);
  }

  @ParameterizedTest
  @ValueSource(strings = {"nan", "NaN", "None", "null", "NULL", "NA", "N/A", "<NA>", "-1", "-100"})
  void whatIsNoLabelIsRefusedOrLeftOut(String value) throws IOException {
    Table csv = Csv.read(file("t,l\na,0\nb," + value + "\nc,1\n"));
    assertNoLabel(csv, file("") + ", line 3: label 'l' is", value, ".labelled(\"l\")");
    assertThat(csv.labelled("l").text("t").label("l"))
        .containsExactly(new ClassificationExample("a", "0"), new ClassificationExample("c", "1"));
    assertThat(csv.labelled("l").leftOut()).isEqualTo(1);
    assertThat(csv.labelled("l").size()).isEqualTo(2);
    assertThat(csv.text("t").label("class {l}").get(1).label()).isEqualTo("class " + value);
  }

  @Test
  void jsonNumbersThatMarkNoLabel() throws IOException {
    Table table =
        JsonLines.read(
            file(
                "{\"t\":\"a\",\"l\":0}\n{\"t\":\"b\",\"l\":-1.0}\n{\"t\":\"c\",\"l\":null}\n{\"t\":\"d\"}"));
    assertNoLabel(table, "line 2: label 'l' is -1, which data sets write");
    assertThat(table.labelled("l").leftOut()).isEqualTo(3);
    assertThatThrownBy(() -> table.labelled("k")).hasMessageContaining("no column 'k'");
  }

  @Test
  void rowsAreFilteredAndCounted() throws IOException {
    Table table =
        JsonLines.read(file("{\"t\":\"a\",\"n\":1}\n{\"t\":\"b\",\"n\":2}\n{\"t\":\"c\"}"));
    Table kept = table.filter("n", value -> !value.isEmpty()).filter("t", t -> !t.equals("a"));
    assertThat(kept.text("t").dataset()).containsExactly(new TextExample("b"));
    assertThat(kept.leftOut()).isEqualTo(2);
    assertThat(table.leftOut()).isZero();
    assertThat(kept).hasToString(file("") + ": 1 row with the columns t, n (2 left out)");
    assertThatThrownBy(() -> table.filter("n", "7"::equals))
        .isInstanceOf(DataException.class)
        .hasMessageContaining("all 3 rows are left out");
    assertThatThrownBy(() -> table.filter("x", "7"::equals)).hasMessageContaining("no column 'x'");
  }

  /** Composed and decomposed letters, wide digits, marks that nobody sees, exponents. */
  @ParameterizedTest
  @CsvSource({
    "caf\u00e9, cafe\u0301",
    "pos, pos\u00a0",
    "pos, pos\u200b",
    "pos, \ufeffpos",
    "1, \uff11",
    "1, 1e0",
    "true, TRUE"
  })
  void aLabelThatLooksLikeAnotherIsNoClassOfItsOwn(String label, String other) throws IOException {
    assertNoLabel(
        Csv.read(file("t,l\na," + label + "\nb,x\nc," + other + "\n")),
        "line 4: label 'l' is '" + other + "', but line 2 writes it '" + label + "'",
        "in one way");
  }

  @Test
  void aNumberIsOneClassHoweverItIsWritten() throws IOException {
    Table json =
        JsonLines.read(
            file("{\"t\":\"a\",\"l\":1}\n{\"t\":\"b\",\"l\":1.0}\n{\"t\":\"c\",\"l\":0.5}"));
    assertThat(Labels.in(json.text("t").label("l"))).isEqualTo(Labels.of("0.5", "1"));

    assertNoLabel(
        Csv.read(file("t,l\na,1\nb,0\nc,1.0\n")),
        "line 4: label 'l' is '1.0', but line 2 writes it '1'",
        "in one way");
    assertNoLabel(
        JsonLines.read(file("{\"t\":\"a\",\"l\":true}\n{\"t\":\"b\",\"l\":\"True\"}")),
        "line 2: label 'l' is 'True', but line 1 writes it 'true'");
    assertThat(Labels.in(Csv.read(file("t,l\na,May\nb,may\n")).text("t").label("l")).size())
        .isEqualTo(2);
  }

  @Test
  void conversationsAndOtherStructuresAreRefused() throws IOException {
    Table table =
        JsonLines.read(
            file(
                "{\"id\":7,\"messages\":[{\"role\":\"user\",\"content\":\"Hi\"}],\"meta\":{\"a\":1}}"));
    for (String column : new String[] {"messages", "Chat: {messages}"}) {
      assertThatThrownBy(() -> table.text(column).dataset())
          .isInstanceOf(DataException.class)
          .hasMessageContainingAll("line 1: column 'messages' holds a list", ".conversations()");
    }
    assertThatThrownBy(() -> table.prompt("id").answer("meta"))
        .hasMessageContaining("column 'meta' holds an object");
    assertThatThrownBy(() -> table.text("id").label("messages"))
        .hasMessageContaining("column 'messages' holds a list");
  }

  @Test
  void anArrayOfObjectsIsReadAsItsRows() throws IOException {
    for (String text : new String[] {"[{\"t\":\"a\"}]", "\n [\n{\"t\":\n\"a\"}\n]\n"}) {
      assertThat(JsonLines.read(file(text)).text("t").dataset())
          .containsExactly(new TextExample("a"));
    }
  }

  @Test
  void malformedJsonNamesItsLine() throws IOException {
    for (String bad : new String[] {"{\"t\": }", "[1]", "{\"t\":1} {}", "{t: 1}", "\"x\"", "{"}) {
      Path file = file("{\"t\": \"a\"}\n" + bad + "\n");
      assertThatThrownBy(() -> JsonLines.read(file))
          .isInstanceOf(DataException.class)
          .hasMessageStartingWith(file + ", line 2: expected one JSON object, found '" + bad + "'");
    }
  }

  @Test
  void malformedCsvNamesItsLine() throws IOException {
    Path few = file("a,b\n1,2\n3\n");
    assertThatThrownBy(() -> Csv.read(few))
        .isInstanceOf(DataException.class)
        .hasMessage(few + ", line 3: expected 2 values (a, b), found 1: '3'");

    Path quote = file("a,b\n\"1\"x,2\n");
    assertThatThrownBy(() -> Csv.read(quote))
        .isInstanceOf(DataException.class)
        .hasMessageContainingAll("line 2: Invalid character", "double the mark");

    assertThatThrownBy(() -> Csv.read(file("a,a\n1,2\n"))).hasMessageContaining("occurs twice");
  }

  @Test
  void emptyFiles() throws IOException {
    for (String content : new String[] {"", "\n\n", "\uFEFF"}) {
      Path file = file(content);
      assertThatThrownBy(() -> JsonLines.read(file)).hasMessageContaining("no rows");
      assertThatThrownBy(() -> Csv.read(file)).hasMessageContaining("no rows");
    }
    assertThatThrownBy(() -> Csv.read(file("a,b\n"))).hasMessageContaining("no rows");
  }

  @Test
  void unreadableFiles() throws IOException {
    assertThatThrownBy(() -> JsonLines.read("no/such/file"))
        .isInstanceOf(UncheckedIOException.class)
        .hasMessageContaining("no/such/file");

    Path latin = folder.resolve("latin");
    Files.write(latin, "t\ncafé\n".getBytes(StandardCharsets.ISO_8859_1));
    assertThatThrownBy(() -> Csv.read(latin))
        .isInstanceOf(DataException.class)
        .hasMessageContaining("not UTF-8");
  }

  @Test
  void printsWellInTheShell() throws IOException {
    Path file = file("text,label\na,b\nc,d\n");
    Table table = Csv.read(file);

    assertThat(table).hasToString(file + ": 2 rows with the columns text, label");
    assertThat(table.text("text").label("label")).hasToString("2 examples, the first: 'a', 'b'");
  }
}
