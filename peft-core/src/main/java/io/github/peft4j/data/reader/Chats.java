package io.github.peft4j.data.reader;

import io.github.peft4j.data.DataException;
import io.github.peft4j.data.Quote;
import io.github.peft4j.data.Values;
import io.github.peft4j.data.conversation.Conversation;
import io.github.peft4j.data.conversation.ConversationExample;
import io.github.peft4j.data.conversation.Message;
import io.github.peft4j.data.format.Json;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.Set;
import org.jspecify.annotations.Nullable;

/** Conversations in the forms that data has them. */
final class Chats {

  /** ShareGPT's and LLaMA-Factory's names of who speaks. */
  private static final Map<String, String> ROLES =
      Map.ofEntries(
          Map.entry("human", "user"),
          Map.entry("user", "user"),
          Map.entry("gpt", "assistant"),
          Map.entry("assistant", "assistant"),
          Map.entry("chatgpt", "assistant"),
          Map.entry("bing", "assistant"),
          Map.entry("bard", "assistant"),
          Map.entry("model", "assistant"),
          Map.entry("system", "system"),
          Map.entry("tool", "tool"),
          Map.entry("observation", "tool"),
          Map.entry("function_response", "tool"),
          Map.entry("function_call", "assistant"),
          Map.entry("tool_call", "assistant"));

  private static final Set<String> CALLS = Set.of("function_call", "tool_call");

  private Chats() {}

  /** A row with messages in a column. */
  static ConversationExample messages(Fields row, String column) {
    return new ConversationExample(conversation(row, messagesOf(row, column)));
  }

  /** A row of instruction, input, output, system and history. */
  static ConversationExample alpaca(Fields row) {
    List<Message> messages = new ArrayList<>();
    system(row, messages);
    if (row.has("history")) {
      for (Object turn : row.list("history")) {
        if (!(turn instanceof List<?> pair && pair.size() == 2)) {
          throw Fields.wrong("history", turn, "a list of pairs: what the user and the model said");
        }
        messages.add(Message.user(text("history", pair.get(0))));
        messages.add(Message.assistant(text("history", pair.get(1))));
      }
    }
    String input = row.textOrEmpty("input");
    String instruction = row.text("instruction");
    messages.add(Message.user(input.isBlank() ? instruction : instruction + "\n" + input));
    messages.add(Message.assistant(row.text("output")));
    return new ConversationExample(conversation(row, messages));
  }

  private static String text(String column, @Nullable Object value) {
    String text = Values.text(value);
    if (text == null) {
      throw Fields.wrong(column, value, "texts");
    }
    return text;
  }

  private static void system(Fields row, List<Message> messages) {
    String system = row.textOrEmpty("system");
    if (!system.isBlank()) {
      messages.add(Message.system(system));
    }
  }

  /** Messages, with what else of a row a chat template sees. */
  static Conversation conversation(Fields row, List<Message> messages) {
    Map<String, @Nullable Object> variables = new LinkedHashMap<>();
    for (String name : List.of("tools", "documents")) {
      Object value = json(name, row.get(name));
      if (value != null) {
        variables.put(name, value);
      }
    }
    if (row.has("chat_template_kwargs")) {
      variables.putAll(
          Fields.object("chat_template_kwargs", row.get("chat_template_kwargs")).values());
    }
    return new Conversation(messages, variables);
  }

  /** A list of JSON; many data sets write it as text. Nothing, if the text is blank. */
  private static @Nullable Object json(String column, @Nullable Object value) {
    return value instanceof String text
        ? text.isBlank() ? null : Json.value("column '" + column + "'", text)
        : value;
  }

  /** The messages of a column, in either form; a column {@code system} comes first. */
  static List<Message> messagesOf(Fields row, String column) {
    List<Message> messages = new ArrayList<>();
    List<Fields> turns = row.objects(column);
    if (turns.isEmpty()) {
      throw new DataException(
          "column '%s' has no messages, expected one at least".formatted(column));
    }
    boolean opens =
        "system".equals(turns.get(0).get("role")) || "system".equals(turns.get(0).get("from"));
    if (!opens) {
      system(row, messages);
    }
    for (int i = 0; i < turns.size(); i++) {
      try {
        messages.add(message(turns.get(i)));
      } catch (DataException e) {
        throw DataException.at("column '%s', message %d".formatted(column, i + 1), e);
      }
    }
    return messages;
  }

  /** A message of role and content, or of ShareGPT's from and value. */
  static Message message(Fields turn) {
    if (!turn.has("from")) {
      return new Message(turn.values());
    }
    String from = turn.text("from");
    String role = ROLES.get(from.toLowerCase(Locale.ROOT));
    if (role == null) {
      throw new DataException(
          "'from' is '%s', expected one of %s"
              .formatted(
                  Quote.shorten(from), Quote.list(ROLES.keySet().stream().sorted().toList())));
    }
    String value = turn.text("value");
    return CALLS.contains(from) ? calls(value) : Message.of(role, value);
  }

  /** The calls that LLaMA-Factory writes as JSON: one of name and arguments, or a list of them. */
  private static Message calls(String json) {
    Object value = Json.value("'value' of a function call", json);
    Message message = Message.assistant();
    for (Object call :
        value instanceof List<?> list ? list : List.of(value == null ? "null" : value)) {
      Fields fields = Fields.object("value", call);
      Object arguments = json("arguments", fields.get("arguments"));
      message =
          message.calling(
              fields.text("name"),
              arguments == null ? Map.of() : Fields.object("arguments", arguments).values());
    }
    return message;
  }
}
