package io.github.peft4j.data.reader;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.github.peft4j.data.AnchorExample;
import io.github.peft4j.data.ClassificationExample;
import io.github.peft4j.data.DataException;
import io.github.peft4j.data.Example;
import io.github.peft4j.data.MultiLabelExample;
import io.github.peft4j.data.QuestionExample;
import io.github.peft4j.data.QuestionExample.Answer;
import io.github.peft4j.data.RegressionExample;
import io.github.peft4j.data.ScoredPair;
import io.github.peft4j.data.TokensExample;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/** What the columns of a table mean for each task. */
class TasksTest {

  @TempDir Path folder;

  private Path file(String name, String content) throws IOException {
    return Files.writeString(folder.resolve(name), content);
  }

  @Test
  void aFileOfSquadIsRecognised() throws IOException {
    Path squad =
        Files.writeString(
            folder.resolve("squad.json"),
            """
            {"version": "1.1", "data": [{"title": "T", "paragraphs": [{"context": "A cat sat.",
              "qas": [{"id": "1", "question": "Who?", "answers": [{"text": "cat", "answer_start": 2}]},
                      {"id": "2", "question": "Why?", "is_impossible": true, "answers": []}]}]}]}
            """);
    assertThat(Data.read(squad).dataset().examples())
        .containsExactly(
            new QuestionExample("Who?", "A cat sat.", "cat", 2),
            new QuestionExample("Why?", "A cat sat.", List.of()));
    Path other = Files.writeString(folder.resolve("other.json"), "{\"data\": \"text\"}");
    assertThatThrownBy(() -> Data.read(other).dataset())
        .hasMessageContainingAll("other.json", "no form is recognised by the columns data");
  }

  @Test
  void tasksAreRecognisedByTheirColumns() throws IOException {
    assertThat(recognised("text,pair,label\na,b,x\n"))
        .isEqualTo(new ClassificationExample("a", "b", "x"));
    assertThat(recognised("text,label\na,x\n")).isEqualTo(new ClassificationExample("a", "x"));
    assertThat(recognised("anchor,positive\na,b\n")).isEqualTo(AnchorExample.of("a", "b"));
    assertThat(recognised("anchor,positive,negative\na,b,c\n"))
        .isEqualTo(AnchorExample.of("a", "b", "c"));
    assertThat(recognised("tokens,tags\na b,O B-X\n"))
        .isEqualTo(new TokensExample(List.of("a", "b"), List.of("O", "B-X")));
    Path topics =
        Files.writeString(
            folder.resolve("topics.jsonl"), "{\"text\": \"a\", \"labels\": [\"x\", \"y\"]}\n");
    assertThat(Data.read(topics).dataset().get(0))
        .isEqualTo(new MultiLabelExample("a", List.of("x", "y")));
  }

  @Test
  void aScoreIsNotGuessed() {
    assertThatThrownBy(() -> recognised("text,score\na,1\n"))
        .hasMessageContainingAll(
            "fit several forms: text, score; text.", ".score(\"score\"); .texts()");
    assertThatThrownBy(() -> recognised("text,pair,score\na,b,1\n"))
        .hasMessageContainingAll("fit several forms", ".similarity(\"score\")");
    assertThatThrownBy(() -> recognised("text,label,score\na,b,1\n"))
        .hasMessageContaining("fit several forms");
  }

  private Example recognised(String csv) throws IOException {
    return Data.read(file("recognised.csv", csv)).dataset().get(0);
  }

  @Test
  void scores() throws IOException {
    Table csv = Data.read(file("d.csv", "q,p,s\na,b,4.5\nc,d,-1e-3\ne,f,1\n"));
    assertThat(csv.text("q").pair("p").score("s"))
        .containsExactly(
            new RegressionExample("a", "b", 4.5),
            new RegressionExample("c", "d", -0.001),
            new RegressionExample("e", "f", 1));
    assertThat(Data.read(file("d.jsonl", "{\"t\":\"a\",\"s\":0.25}")).text("t").score("s"))
        .containsExactly(new RegressionExample("a", 0.25));
  }

  @ParameterizedTest
  @ValueSource(strings = {"nan", "inf", "1e999", "four", "4;5", "", "0x10", "1d"})
  void whatIsNoScore(String value) throws IOException {
    Table table = Data.read(file("d.csv", "t,s\na,1\nb," + value + "\n"));
    assertThatThrownBy(() -> table.text("t").score("s"))
        .isInstanceOf(DataException.class)
        .hasMessageContainingAll(
            "d.csv, line 3: column 's' is '" + value + "'", "expected a finite number");
  }

  @Test
  void textsForEmbeddings() throws IOException {
    Table csv = Data.read(file("d.csv", "q,a,n,m,s\nx,y,z,w,0.5\n"));
    assertThat(csv.anchor("q").positive("a").dataset())
        .containsExactly(new AnchorExample("x", "y", List.of()));
    assertThat(csv.anchor("Q: {q}").positive("a").negative("n").negative("m").dataset())
        .containsExactly(new AnchorExample("Q: x", "y", List.of("z", "w")));
    assertThat(csv.text("q").pair("a").similarity("s"))
        .containsExactly(new ScoredPair("x", "y", 0.5));
  }

  @Test
  void severalLabels() throws IOException {
    Table json =
        Data.read(file("d.jsonl", "{\"t\":\"a\",\"l\":[\"x\",\"y\"]}\n{\"t\":\"b\",\"l\":[]}\n"));
    assertThat(json.text("t").labels("l"))
        .containsExactly(
            new MultiLabelExample("a", List.of("x", "y")), new MultiLabelExample("b", List.of()));
    Table csv = Data.read(file("d.csv", "t,l,fire,flood\na,\"x, y\",1,0\nb,,true,1.0\n"));
    assertThat(csv.text("t").labels("l", ","))
        .containsExactly(
            new MultiLabelExample("a", List.of("x", "y")), new MultiLabelExample("b", List.of()));
    assertThat(csv.text("t").flags("fire", "flood"))
        .containsExactly(
            new MultiLabelExample("a", List.of("fire")),
            new MultiLabelExample("b", List.of("fire", "flood")));

    assertThatThrownBy(() -> csv.text("t").labels("l"))
        .hasMessageContaining(
            "line 2: column 'l' holds text (\"x, y\"), expected a list. If labels are separated in a"
                + " text, say by what: .labels(\"l\", \",\")");
    assertThatThrownBy(() -> csv.text("t").flags("l"))
        .hasMessageContaining("line 2: column 'l' is 'x, y', expected 1 or 0");
    Table twice = Data.read(file("e.jsonl", "{\"t\":\"a\",\"l\":[0,1,0]}"));
    assertThatThrownBy(() -> twice.text("t").labels("l"))
        .hasMessageContaining("line 1: label '0' stands twice");
    Table none =
        Data.read(file("f.jsonl", "{\"t\":\"a\",\"l\":[\"x\"]}\n{\"t\":\"b\",\"l\":null}"));
    assertThatThrownBy(() -> none.text("t").labels("l"))
        .hasMessageContaining("line 2: column 'l' is missing or null, expected a list");
  }

  @Test
  void tags() throws IOException {
    TokensExample example = new TokensExample(List.of("EU", "rejects"), List.of("B-ORG", "O"));
    assertThat(
            Data.read(file("d.jsonl", "{\"w\":[\"EU\",\"rejects\"],\"t\":[\"B-ORG\",\"O\"]}"))
                .tokens("w")
                .tags("t"))
        .containsExactly(example);
    assertThat(Data.read(file("d.csv", "w,t\nEU rejects,B-ORG  O\n")).tokens("w").tags("t"))
        .containsExactly(example);
    Table uneven = Data.read(file("e.jsonl", "{\"w\":[\"a\"],\"t\":[]}"));
    assertThatThrownBy(() -> uneven.tokens("w").tags("t"))
        .hasMessageContainingAll("e.jsonl, line 1: ", "1 words, but 0 tags");
  }

  @Test
  void conll() throws IOException {
    Path file =
        file(
            "eng.conll",
            """
            -DOCSTART- -X- -X- O

            EU NNP B-NP B-ORG\r
            # # O O


            # a comment
            Peter NNP B-NP B-PER
            """);
    assertThat(Conll.read(file.toString()))
        .containsExactly(
            new TokensExample(List.of("EU", "#"), List.of("B-ORG", "O")),
            new TokensExample(List.of("Peter"), List.of("B-PER")));
    assertThat(Conll.read(file.toString(), 0, 1).get(1).tags()).containsExactly("NNP");
    assertThat(Conll.read(file("tab.tsv", "New York\tB-LOC\nis\tO\n")).get(0).words())
        .containsExactly("New York", "is");

    String bad = file("bad.conll", "a O\nb\n").toString();
    assertThatThrownBy(() -> Conll.read(bad))
        .isInstanceOf(DataException.class)
        .hasMessageContainingAll("bad.conll, line 2: expected 2 columns", "found 1");
    assertThatThrownBy(() -> Conll.read(file.toString(), 0, 9)).hasMessageContaining("no column 9");
    assertThatThrownBy(() -> Conll.read(file("none", "-DOCSTART- O\n").toString()))
        .hasMessageContaining("no sentences");
  }

  @Test
  void questionsOfSquad() throws IOException {
    // The emoji is one code point and two chars, so the answer starts at 5 for Python and 6 here.
    String paragraph =
        "{\"context\":\"Hi 😀 Paris.\",\"qas\":[{\"id\":\"1\",\"question\":\"Where?\",\"answers\":"
            + "[{\"text\":\"Paris\",\"answer_start\":5}]},{\"question\":\"Who?\",\"is_impossible\":true,"
            + "\"plausible_answers\":[{\"text\":\"Hi\",\"answer_start\":0}],\"answers\":[]}]}";
    String squad =
        "{\n\"version\":\"v2.0\",\n\"data\":[\n{\"title\":\"T\",\"paragraphs\":["
            + paragraph
            + "]}]}\n";
    QuestionExample where =
        new QuestionExample("Where?", "Hi 😀 Paris.", List.of(new Answer("Paris", 6)));
    QuestionExample who = new QuestionExample("Who?", "Hi 😀 Paris.", List.of());
    for (String text : new String[] {squad, squad.replace("\n", ""), "[" + paragraph + "]"}) {
      assertThat(Data.read(file("squad.json", text)).questions()).containsExactly(where, who);
    }
    Table flat =
        Data.read(
            file(
                "flat.jsonl",
                "{\"id\":1,\"question\":\"Where?\",\"context\":\"Hi 😀 Paris.\",\"answers\":"
                    + "{\"text\":[\"Paris\"],\"answer_start\":[5]}}"));
    assertThat(flat.questions()).containsExactly(where);
    assertThat(flat.dataset()).containsExactly(where);

    Table wrong =
        Data.read(file("wrong.json", squad.replace("\"answer_start\":5", "\"answer_start\":6")));
    assertThatThrownBy(wrong::questions)
        .isInstanceOf(DataException.class)
        .hasMessageContainingAll(
            "wrong.json, the object: question 'Where?': answer 'Paris' does not stand at"
                + " answer_start 6 of the context, but 'aris.'");
    for (String start : new String[] {"-1", "99", "1.5", "null"}) {
      Table odd =
          Data.read(
              file("odd.json", squad.replace("\"answer_start\":5", "\"answer_start\":" + start)));
      assertThatThrownBy(odd::questions)
          .as(start)
          .isInstanceOf(DataException.class)
          .hasMessageContainingAll("odd.json", "answer_start");
    }
  }
}
