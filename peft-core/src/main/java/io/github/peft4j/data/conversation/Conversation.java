package io.github.peft4j.data.conversation;

import io.github.peft4j.data.DataException;
import io.github.peft4j.data.Quote;
import io.github.peft4j.data.Values;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.stream.Collectors;
import org.jspecify.annotations.Nullable;

/**
 * A conversation: messages, and what else a chat template sees.
 *
 * <pre>{@code
 * Conversation.of(Message.system("Be brief."), Message.user("Hi"), Message.assistant("Hello!"))
 * Conversation.of(Message.user("What is the weather?")).tools(List.of(weather))
 * }</pre>
 *
 * @param messages the messages, in order; one at least
 * @param variables further variables of chat templates by name, as {@link Values}: {@code tools},
 *     {@code documents}, {@code enable_thinking}, …
 */
public record Conversation(List<Message> messages, Map<String, @Nullable Object> variables) {

  private static final String TOOLS = "tools";
  private static final String DOCUMENTS = "documents";

  /**
   * A conversation with further variables.
   *
   * @param messages the messages; copied
   * @param variables the variables; copied
   * @throws DataException if there are no messages, or tools or documents are no list
   */
  public Conversation {
    messages = List.copyOf(messages);
    variables = Values.copy(variables);
    if (messages.isEmpty()) {
      throw new DataException("there are no messages, expected one at least");
    }
    if (variables.containsKey("messages")) {
      throw new DataException("'messages' is no variable: the messages are given as such");
    }
    for (String name : List.of(TOOLS, DOCUMENTS)) {
      Object value = variables.get(name);
      if (!(value == null || value instanceof List)) {
        throw new DataException(
            "'%s' is %s (%s), expected a list of objects"
                .formatted(name, Values.kind(value), Quote.shorten(Values.json(value))));
      }
    }
  }

  /**
   * A conversation of some messages.
   *
   * @param messages the messages, in order
   * @return the conversation
   */
  public static Conversation of(Message... messages) {
    return of(List.of(messages));
  }

  /**
   * A conversation of some messages.
   *
   * @param messages the messages, in order
   * @return the conversation
   */
  public static Conversation of(List<Message> messages) {
    return new Conversation(messages, Map.of());
  }

  /**
   * This conversation with more messages at its end.
   *
   * @param more the messages, in order
   * @return the longer conversation
   */
  public Conversation and(Message... more) {
    List<Message> all = new ArrayList<>(messages);
    all.addAll(List.of(more));
    return new Conversation(all, variables);
  }

  /**
   * The beginning of this conversation, with the same variables.
   *
   * @param messages the number of messages, 1 or more
   * @return the shorter conversation
   * @throws IndexOutOfBoundsException if there are fewer messages
   */
  public Conversation first(int messages) {
    return new Conversation(this.messages.subList(0, messages), variables);
  }

  /**
   * This conversation with other tools.
   *
   * @param tools the JSON schemas of the functions that the model may call, such as {@code {"type":
   *     "function", "function": {"name": …, "description": …, "parameters": {…}}}}
   * @return the conversation with the variable {@code tools}
   */
  public Conversation tools(List<? extends Map<String, ? extends @Nullable Object>> tools) {
    return with(TOOLS, tools);
  }

  /**
   * This conversation with another variable for its template.
   *
   * @param variable the name
   * @param value the value, as {@link Values}
   * @return the conversation
   */
  public Conversation with(String variable, @Nullable Object value) {
    Map<String, @Nullable Object> changed = new LinkedHashMap<>(variables);
    changed.put(variable, value);
    return new Conversation(messages, changed);
  }

  /**
   * The functions that the model may call.
   *
   * @return their JSON schemas, or null if there are none
   */
  public @Nullable List<?> tools() {
    return (List<?>) variables.get(TOOLS);
  }

  /**
   * The documents that the model may cite.
   *
   * @return the documents, or null if there are none
   */
  public @Nullable List<?> documents() {
    return (List<?>) variables.get(DOCUMENTS);
  }

  /**
   * What a chat template sees as {@code messages}: the fields of each message.
   *
   * @return a list of maps with their keys in order, as {@link Values}
   */
  public List<Map<String, @Nullable Object>> fields() {
    return messages.stream().map(Message::fields).toList();
  }

  /**
   * The JSON text of the conversation, on one line.
   *
   * @return an object with {@code messages} and the variables
   */
  public String json() {
    Map<String, @Nullable Object> all = new LinkedHashMap<>();
    all.put("messages", fields());
    all.putAll(variables);
    return Values.json(all);
  }

  @Override
  public String toString() {
    return messages.stream().map(Message::toString).collect(Collectors.joining(" | "))
        + (variables.isEmpty() ? "" : " with " + String.join(", ", variables.keySet()));
  }
}
