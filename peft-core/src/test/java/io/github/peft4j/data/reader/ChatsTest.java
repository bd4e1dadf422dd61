package io.github.peft4j.data.reader;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import com.google.gson.JsonElement;
import com.google.gson.JsonObject;
import com.google.gson.JsonParser;
import io.github.peft4j.data.DataException;
import io.github.peft4j.data.Dataset;
import io.github.peft4j.data.Example;
import io.github.peft4j.data.PreferenceExample;
import io.github.peft4j.data.PromptExample;
import io.github.peft4j.data.TextExample;
import io.github.peft4j.data.Values;
import io.github.peft4j.data.conversation.Conversation;
import io.github.peft4j.data.conversation.ConversationExample;
import io.github.peft4j.data.conversation.ConversationPreference;
import io.github.peft4j.data.conversation.Message;
import java.io.IOException;
import java.io.InputStream;
import java.io.InputStreamReader;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class ChatsTest {

  @TempDir Path folder;

  private Table rows(String... lines) throws IOException {
    return Data.read(Files.writeString(folder.resolve("d.jsonl"), String.join("\n", lines)));
  }

  private static JsonObject golden() throws IOException {
    try (InputStream in =
        Objects.requireNonNull(ChatsTest.class.getResourceAsStream("chats.json"))) {
      return JsonParser.parseReader(new InputStreamReader(in, StandardCharsets.UTF_8))
          .getAsJsonObject();
    }
  }

  private static JsonElement json(List<Message> messages) {
    return JsonParser.parseString(Values.json(messages.stream().map(Message::fields).toList()));
  }

  @Test
  void shareGptIsWhatTrlMakesOfIt() throws IOException {
    for (JsonElement pair : golden().getAsJsonArray("conversations")) {
      Conversation chat =
          rows(pair.getAsJsonArray().get(0).toString()).shareGpt().get(0).conversation();
      assertThat(json(chat.messages()))
          .isEqualTo(pair.getAsJsonArray().get(1).getAsJsonObject().get("messages"));
    }
  }

  @Test
  void preferencesAreWhatTrlMakesOfThem() throws IOException {
    for (JsonElement pair : golden().getAsJsonArray("preferences")) {
      JsonObject expected = pair.getAsJsonArray().get(1).getAsJsonObject();
      Example example = rows(pair.getAsJsonArray().get(0).toString()).preferences().get(0);
      if (example instanceof PreferenceExample texts) {
        assertThat(texts)
            .isEqualTo(
                new PreferenceExample(
                    expected.get("prompt").getAsString(),
                    expected.get("chosen").getAsString(),
                    expected.get("rejected").getAsString()));
      } else {
        ConversationPreference chats = (ConversationPreference) example;
        assertThat(json(chats.prompt().messages())).isEqualTo(expected.get("prompt"));
        assertThat(json(chats.chosen())).isEqualTo(expected.get("chosen"));
        assertThat(json(chats.rejected())).isEqualTo(expected.get("rejected"));
      }
    }
  }

  @Test
  void messagesWithPartsCallsToolsAndMore() throws IOException {
    String row =
        "{\"id\":7,\"messages\":[{\"role\":\"user\",\"content\":[{\"type\":\"text\",\"text\":\"Hi\"}]},"
            + "{\"role\":\"assistant\",\"content\":null,\"tool_calls\":[{\"function\":{\"name\":\"f\","
            + "\"arguments\":{\"n\":1,\"x\":1.0}}}]},{\"role\":\"tool\",\"content\":\"ok\",\"name\":\"f\"}],\"tools\":\"[{\\\"type\\\":"
            + " \\\"function\\\"}]\",\"system\":\"Be brief.\","
            + "\"chat_template_kwargs\":{\"enable_thinking\":false}}";
    Conversation chat = rows(row).conversations().get(0).conversation();
    assertThat(chat.json())
        .isEqualTo(
            "{\"messages\":[{\"role\":\"system\",\"content\":\"Be brief.\"},"
                + row.substring(row.indexOf("[{\"role\"") + 1, row.indexOf("],\"tools\""))
                + "],\"tools\":[{\"type\":\"function\"}],\"enable_thinking\":false}");
  }

  @Test
  void shareGptAsLlamaFactoryHasIt() throws IOException {
    Conversation chat =
        rows("{\"conversations\":[{\"from\":\"human\",\"value\":\"Weather?\"},{\"from\":\"function_call\",\"value\":\"{\\\"name\\\":"
                + " \\\"w\\\", \\\"arguments\\\": {\\\"city\\\":"
                + " \\\"Paris\\\"}}\"},{\"from\":\"observation\",\"value\":\"18\"},{\"from\":\"gpt\",\"value\":\"It"
                + " is 18.\"}],\"system\":\"Be brief.\",\"tools\":\"\"}")
            .shareGpt()
            .get(0)
            .conversation();
    assertThat(chat)
        .isEqualTo(
            Conversation.of(
                Message.system("Be brief."),
                Message.user("Weather?"),
                Message.assistant().calling("w", Map.of("city", "Paris")),
                Message.of("tool", "18"),
                Message.assistant("It is 18.")));
  }

  @Test
  void alpacaAsAnArray() throws IOException {
    Path file =
        Files.writeString(
            folder.resolve("alpaca.json"),
            "[{\"instruction\":\"Say hi\",\"input\":\"\",\"output\":\"hi\"},\n"
                + "{\"instruction\":\"Add\",\"input\":\"1 2\",\"output\":\"3\",\"system\":\"Be"
                + " brief.\",\"history\":[[\"a\",\"b\"]]}]");
    assertThat(Data.read(file).conversations())
        .containsExactly(
            ConversationExample.of(Message.user("Say hi"), Message.assistant("hi")),
            ConversationExample.of(
                Message.system("Be brief."),
                Message.user("a"),
                Message.assistant("b"),
                Message.user("Add\n1 2"),
                Message.assistant("3")));

    String template =
        "{#input}With input. {/input}{^input}Without. {/input}{instruction}{#input}:"
            + " {input}{/input} ->";
    assertThat(Data.read(file).prompt(template).answer("output"))
        .containsExactly(
            new PromptExample("Without. Say hi ->", "hi"),
            new PromptExample("With input. Add: 1 2 ->", "3"));
  }

  @Test
  void promptsWithCompletions() throws IOException {
    assertThat(rows("{\"prompt\":\"a\",\"completion\":\" b\"}").promptCompletion())
        .containsExactly(new PromptExample("a", " b"));
    assertThat(
            rows("{\"prompt\":[{\"role\":\"user\",\"content\":\"a\"}],\"completion\":[{\"role\":\"assistant\",\"content\":\"b\"}]}")
                .promptCompletion())
        .containsExactly(
            new ConversationExample(Conversation.of(Message.user("a"), Message.assistant("b")), 1));
  }

  @Test
  void columnsSayTheForm() throws IOException {
    assertThat(rows("{\"text\":\"a\",\"id\":1}").dataset()).containsExactly(new TextExample("a"));
    assertThat(rows("{\"prompt\":\"a\",\"completion\":\"b\",\"text\":1}").columns()).hasSize(3);
    Dataset<Example> preferences =
        rows("{\"conversations\":[{\"from\":\"human\",\"value\":\"a\"}],"
                + "\"chosen\":{\"from\":\"gpt\",\"value\":\"b\"},\"rejected\":{\"from\":\"gpt\",\"value\":\"c\"}}")
            .dataset();
    assertThat(preferences)
        .containsExactly(
            new ConversationPreference(
                Conversation.of(Message.user("a")),
                List.of(Message.assistant("b")),
                List.of(Message.assistant("c"))));
    Table unknown = rows("{\"q\":\"a\",\"a\":\"b\"}");
    assertThatThrownBy(unknown::dataset)
        .isInstanceOf(DataException.class)
        .hasMessageContainingAll(
            "no form is recognised by the columns q, a",
            "Recognised are: messages; conversations",
            ".prompt(column)");
    assertThatThrownBy(unknown::conversations).hasMessageContaining("no form is recognised");
    Table several = rows("{\"messages\":[],\"text\":\"a\"}");
    assertThatThrownBy(several::dataset)
        .hasMessageContainingAll("fit several forms", "messages; text", ".messages(); .texts()");
    assertThatThrownBy(unknown::messages).hasMessageContaining("no column 'messages'");
  }

  @Test
  void whatIsNoChatNamesFileLineAndField() throws IOException {
    String[][] cases = {
      {"{\"messages\":null}", "column 'messages' is missing or null"},
      {"{\"messages\":[]}", "no messages"},
      {"{\"messages\":\"Hi\"}", "column 'messages' holds text (\"Hi\"), expected a list"},
      {"{\"messages\":[\"Hi\"]}", "column 'messages' holds text (\"Hi\"), expected objects"},
      {"{\"messages\":[{\"role\":\"user\",\"content\":1}]}", "message 1: 'content' is a number"},
      {"{\"messages\":[{\"content\":\"a\"}]}", "message 1: 'role' is missing"},
      {"{\"messages\":[{\"from\":\"robot\",\"value\":\"a\"}]}", "message 1: 'from' is 'robot'"},
      {"{\"messages\":[{\"from\":\"gpt\"}]}", "column 'value' is missing"},
      {
        "{\"messages\":[{\"from\":\"function_call\",\"value\":\"f(1)\"}]}",
        "expected JSON, found 'f(1)'"
      },
      {"{\"messages\":[{\"role\":\"user\",\"content\":\"a\"}],\"tools\":\"[\"}", "column 'tools'"},
      {
        "{\"messages\":[{\"role\":\"user\",\"content\":\"a\"}],\"tools\":{}}",
        "'tools' is an object"
      },
    };
    for (String[] row : cases) {
      Table table = rows("{\"messages\":[{\"role\":\"user\",\"content\":\"a\"}]}", row[0]);
      assertThatThrownBy(table::messages)
          .as(row[0])
          .isInstanceOf(DataException.class)
          .hasMessageContainingAll("d.jsonl, line 2: ", row[1]);
    }
    Table same = rows("{\"chosen\":\"a\",\"rejected\":\"a\"}");
    assertThatThrownBy(same::preferences).hasMessageContaining("are the same");
    Table mixed = rows("{\"prompt\":\"a\",\"completion\":[]}");
    assertThatThrownBy(mixed::promptCompletion).hasMessageContaining("one of 'prompt'");
  }
}
