package io.github.peft4j.data.reader;

import static org.assertj.core.api.Assertions.assertThat;

import com.google.gson.JsonObject;
import com.google.gson.JsonParser;
import io.github.peft4j.data.DataException;
import io.github.peft4j.data.Dataset;
import io.github.peft4j.data.Examples;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.function.Function;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/**
 * Odd values in every field of every task's data: the example is read, or the error has the file,
 * the line and the field.
 */
class OddValuesTest {

  private static final List<String> VALUES =
      List.of(
          "null",
          "\"\"",
          "\" \"",
          "\"nan\"",
          "\"None\"",
          "NaN",
          "-1",
          "\"-1\"",
          "-100",
          "1.0",
          "1",
          "true",
          "[]",
          "[null]",
          "[[]]",
          "[\"x\"]",
          "[-100,-100]",
          "[\"nan\",\"nan\"]",
          "{}",
          "{\"a\":1}",
          "\"x\\r\\ny\"",
          "\"\\uFEFF\"",
          "\"\\u200b\"",
          "\"1e400\"",
          "\"1,5\"");

  /** Of a task: a row, the fields in which values are tried, and how it is read. */
  private record Case(String row, List<String> fields, Function<Table, Examples<?>> task) {}

  private static final Map<String, Case> TASKS =
      Map.ofEntries(
          task("texts", "{'text':'t'}", table -> table.text("text")),
          task("classes", "{'text':'t','label':'c'}", table -> table.text("text").label("label")),
          task(
              "pairs",
              "{'a':'t','b':'u','label':'c'}",
              table -> table.text("a").pair("b").label("label")),
          task("scores", "{'text':'t','score':2.5}", table -> table.text("text").score("score")),
          task(
              "similarities",
              "{'a':'t','b':'u','score':2.5}",
              table -> table.text("a").pair("b").similarity("score")),
          task("flags", "{'text':'t','f':1}", table -> table.text("text").flags("f")),
          task("labels", "{'text':'t','l':['c','d']}", table -> table.text("text").labels("l")),
          task(
              "separated labels",
              "{'text':'t','l':'c,d'}",
              table -> table.text("text").labels("l", ",")),
          task(
              "entities",
              "{'w':['a','b'],'tags':['O','B-X']}",
              table -> table.tokens("w").tags("tags")),
          task(
              "questions",
              "{'question':'q','context':'a cat','answers':{'text':['cat'],'answer_start':[2]}}",
              Table::questions),
          task("prompts", "{'p':'t','a':'u'}", table -> table.prompt("p").answer("a")),
          task("completions", "{'prompt':'t','completion':'u'}", Table::promptCompletion),
          task("preferences", "{'prompt':'t','chosen':'u','rejected':'v'}", Table::preferences),
          task(
              "anchors",
              "{'a':'t','p':'u','n':'v'}",
              table -> table.anchor("a").positive("p").negative("n")),
          task(
              "messages",
              "{'messages':[{'role':'user','content':'t'},{'role':'assistant','content':'u'}]}",
              Table::messages),
          task("alpaca", "{'instruction':'t','output':'u'}", Table::alpaca));

  @TempDir private Path folder;

  private static Map.Entry<String, Case> task(
      String name, String row, Function<Table, Examples<?>> task) {
    String json = row.replace('\'', '"');
    List<String> fields = JsonParser.parseString(json).getAsJsonObject().keySet().stream().toList();
    return Map.entry(name, new Case(json, fields, task));
  }

  private static String with(String row, String field, String value) {
    JsonObject object = JsonParser.parseString(row).getAsJsonObject();
    object.addProperty(field, "VALUE");
    return object.toString().replace("\"VALUE\"", value);
  }

  /** What is wrong with the result; empty if nothing. */
  private String fault(Case task, String field, String value) throws IOException {
    Path file = folder.resolve("d.jsonl");
    Files.writeString(
        file, "%s\n%s\n%s\n".formatted(task.row(), with(task.row(), field, value), task.row()));
    try {
      Dataset<?> examples = task.task().apply(Data.read(file)).dataset();
      return examples.size() == 3 ? "" : "has " + examples.size() + " examples";
    } catch (DataException e) {
      String message = e.getMessage() + "";
      boolean placed = message.contains(file + ", line 2") && message.contains(field);
      return placed || (value.equals("NaN") && message.contains(file + ", line 2")) ? "" : message;
    } catch (RuntimeException e) {
      return e.toString();
    }
  }

  @Test
  void examplesOrErrorsWithFileLineAndField() throws IOException {
    List<String> faults = new ArrayList<>();
    for (Map.Entry<String, Case> task : TASKS.entrySet()) {
      for (String field : task.getValue().fields()) {
        for (String value : VALUES) {
          String fault = fault(task.getValue(), field, value);
          if (!fault.isEmpty()) {
            faults.add(task.getKey() + ", " + field + " = " + value + ": " + fault);
          }
        }
      }
    }
    assertThat(faults).isEmpty();
  }

  @Test
  void whatIsNoLabelIsNone() throws IOException {
    List<String> read = new ArrayList<>();
    for (String value : VALUES) {
      Path file =
          Files.writeString(
              folder.resolve("l.jsonl"), with("{\"text\":\"t\",\"label\":0}", "label", value));
      try {
        Data.read(file).text("text").label("label");
        read.add(value);
      } catch (DataException e) {
        assertThat(e).hasMessageContaining("l.jsonl, line 1");
      }
    }
    assertThat(read).containsExactly("1.0", "1", "true", "\"x\\r\\ny\"", "\"1e400\"", "\"1,5\"");
  }
}
