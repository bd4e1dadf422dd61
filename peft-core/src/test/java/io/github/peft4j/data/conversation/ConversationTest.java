package io.github.peft4j.data.conversation;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.github.peft4j.data.DataException;
import io.github.peft4j.data.Values;
import java.math.BigInteger;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.HashMap;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import org.junit.jupiter.api.Test;

class ConversationTest {

  @Test
  void aTemplateSeesTheFieldsInOrder() {
    Map<String, Object> arguments = new LinkedHashMap<>();
    arguments.put("city", "Paris");
    arguments.put("days", 2);
    Conversation chat =
        Conversation.of(
                Message.system("Be brief."),
                Message.user("Weather?"),
                Message.assistant().calling("get_weather", arguments),
                Message.tool("get_weather", "18"),
                Message.assistant("18 degrees.").with("reasoning_content", "The tool says so."))
            .tools(List.of(Map.of("type", "function")))
            .with("enable_thinking", false);

    assertThat(chat.json())
        .isEqualTo(
            "{\"messages\":[{\"role\":\"system\",\"content\":\"Be brief.\"},"
                + "{\"role\":\"user\",\"content\":\"Weather?\"},"
                + "{\"role\":\"assistant\",\"content\":\"\",\"tool_calls\":[{\"type\":\"function\","
                + "\"function\":{\"name\":\"get_weather\",\"arguments\":{\"city\":\"Paris\",\"days\":2}}}]},"
                + "{\"role\":\"tool\",\"name\":\"get_weather\",\"content\":\"18\"},{\"role\":\"assistant\",\"content\":\"18"
                + " degrees.\",\"reasoning_content\":\"The tool says so.\"}],"
                + "\"tools\":[{\"type\":\"function\"}],\"enable_thinking\":false}");
    assertThat(chat.tools()).hasSize(1);
    assertThat(chat.documents()).isNull();
    assertThat(chat)
        .hasToString(
            "system: Be brief. | user: Weather? | assistant:  (1 tool calls) | tool: 18"
                + " | assistant: 18 degrees. with tools, enable_thinking");
  }

  @Test
  void numbersAreThoseOfPython() {
    Map<String, Object> fields = new HashMap<>();
    fields.put("role", "user");
    fields.put("content", null);
    fields.put("numbers", Arrays.asList(1, (short) 2, 3.0f, 4.5, true, null, new BigInteger("5")));
    Message message = new Message(fields);
    assertThat(message.fields().get("numbers"))
        .isEqualTo(Arrays.asList(1L, 2L, 3.0, 4.5, true, null, 5L));
    assertThat(Values.integer(new BigInteger("9223372036854775808")))
        .isEqualTo(new BigInteger("9223372036854775808"));
    assertThat(message.content()).isNull();
    assertThat(message.text()).isEmpty();
  }

  @Test
  void partsGiveTheirTexts() {
    List<Object> parts =
        new ArrayList<>(
            List.of(
                Map.of("type", "text", "text", "Look: "),
                Map.of("type", "image", "url", "a.png"),
                Map.of("type", "text", "text", "what is it?")));
    Message message = Message.of("user", null).with("content", parts);
    parts.clear();
    assertThat(message.text()).isEqualTo("Look: what is it?");
    assertThat((List<?>) message.content()).hasSize(3);
  }

  @Test
  void whatIsNoMessageIsRefused() {
    assertThatThrownBy(() -> new Message(Map.of("from", "human", "value", "Hi")))
        .isInstanceOf(DataException.class)
        .hasMessageContaining("'role' is missing");
    assertThatThrownBy(() -> new Message(Map.of("role", 1)))
        .hasMessageContaining("'role' is 1, expected text");
    assertThatThrownBy(() -> new Message(Map.of("role", "user", "content", 1)))
        .hasMessage("'content' is a number (1), expected text or a list of parts");
    assertThatThrownBy(() -> Message.assistant("a").with("tool_calls", "f()"))
        .hasMessageContaining("'tool_calls' is text");
    assertThatThrownBy(() -> Message.user("a").with("at", new Object()))
        .hasMessageContaining("a value is a java.lang.Object");
    assertThatThrownBy(() -> Conversation.of()).hasMessageContaining("no messages");
    assertThatThrownBy(() -> Conversation.of(Message.user("a")).with("tools", "[]"))
        .hasMessage("'tools' is text (\"[]\"), expected a list of objects");
    assertThatThrownBy(() -> new ConversationExample(Conversation.of(Message.user("a")), 1))
        .hasMessageContaining("the prompt has 1 of 1 messages");

    Map<String, Object> endless = new HashMap<>();
    endless.put("role", "user");
    endless.put("self", endless);
    assertThatThrownBy(() -> new Message(endless)).hasMessageContaining("inside each other");
  }
}
