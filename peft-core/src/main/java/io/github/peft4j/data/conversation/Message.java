package io.github.peft4j.data.conversation;

import io.github.peft4j.data.DataException;
import io.github.peft4j.data.Quote;
import io.github.peft4j.data.Values;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.stream.Collectors;
import org.jspecify.annotations.Nullable;

/**
 * A message of a conversation: the fields that a chat template of Hugging Face's sees, in order.
 *
 * <pre>{@code
 * Message.user("What is the weather in Paris?")
 * Message.assistant().calling("get_weather", Map.of("city", "Paris"))
 * Message.tool("get_weather", "18 degrees")
 * Message.assistant("It is 18 degrees.").with("reasoning_content", "The tool says so.")
 * }</pre>
 *
 * @param fields the fields by name, in order, as {@link Values}. {@code role} is always there.
 *     {@code content} is a text, or a list of parts such as {@code {"type": "text", "text": "Hi"}},
 *     or null, or absent
 */
public record Message(Map<String, @Nullable Object> fields) {

  private static final String ROLE = "role";
  private static final String CONTENT = "content";
  private static final String TOOL_CALLS = "tool_calls";

  /**
   * A message with some fields.
   *
   * @param fields the fields; copied
   * @throws DataException if the role is no text, or the content is none of text, list and null, or
   *     tool calls are no list
   */
  public Message {
    fields = Values.copy(fields);
    if (!(fields.get(ROLE) instanceof String role) || role.isBlank()) {
      throw new DataException(
          (fields.containsKey(ROLE)
                  ? "'role' is %s".formatted(Values.json(fields.get(ROLE)))
                  : "'role' is missing: the fields are %s"
                      .formatted(String.join(", ", fields.keySet())))
              + ", expected text such as system, user, assistant or tool");
    }
    Object content = fields.get(CONTENT);
    if (!(content == null || content instanceof String || content instanceof List)) {
      throw new DataException(
          "'content' is %s (%s), expected text or a list of parts"
              .formatted(Values.kind(content), Quote.shorten(Values.json(content))));
    }
    Object calls = fields.get(TOOL_CALLS);
    if (!(calls == null || calls instanceof List)) {
      throw new DataException(
          "'tool_calls' is %s (%s), expected a list"
              .formatted(Values.kind(calls), Quote.shorten(Values.json(calls))));
    }
  }

  /**
   * A message with a role and a text.
   *
   * @param role the role
   * @param content the text; null is kept as null
   * @return the message
   */
  public static Message of(String role, @Nullable String content) {
    Map<String, @Nullable Object> fields = new LinkedHashMap<>();
    fields.put(ROLE, role);
    fields.put(CONTENT, content);
    return new Message(fields);
  }

  /**
   * What the model is told before the conversation.
   *
   * @param content the text
   * @return the message, with the role {@code system}
   */
  public static Message system(String content) {
    return of("system", content);
  }

  /**
   * What a user says.
   *
   * @param content the text
   * @return the message, with the role {@code user}
   */
  public static Message user(String content) {
    return of("user", content);
  }

  /**
   * What the model says.
   *
   * @param content the text
   * @return the message, with the role {@code assistant}
   */
  public static Message assistant(String content) {
    return of("assistant", content);
  }

  /**
   * A message of the model without text, for {@link #calling}.
   *
   * @return the message, with the role {@code assistant} and an empty text
   */
  public static Message assistant() {
    return assistant("");
  }

  /**
   * What a tool answers.
   *
   * @param name the name of the tool
   * @param content the answer
   * @return the message, with the role {@code tool}
   */
  public static Message tool(String name, String content) {
    Map<String, @Nullable Object> fields = new LinkedHashMap<>();
    fields.put(ROLE, "tool");
    fields.put("name", name);
    fields.put(CONTENT, content);
    return new Message(fields);
  }

  /**
   * This message with another field, or another value of a field.
   *
   * @param field the name
   * @param value the value, as {@link Values}
   * @return the message; a new field stands last
   */
  public Message with(String field, @Nullable Object value) {
    Map<String, @Nullable Object> changed = new LinkedHashMap<>(fields);
    changed.put(field, value);
    return new Message(changed);
  }

  /**
   * This message with one more tool call, as OpenAI writes it: {@code {"type": "function",
   * "function": {"name": …, "arguments": {…}}}}.
   *
   * @param function the name of the function
   * @param arguments its arguments by name, in the map's order
   * @return the message
   */
  public Message calling(String function, Map<String, ? extends @Nullable Object> arguments) {
    Map<String, @Nullable Object> call = new LinkedHashMap<>();
    call.put("name", function);
    call.put("arguments", arguments);
    Map<String, @Nullable Object> entry = new LinkedHashMap<>();
    entry.put("type", "function");
    entry.put("function", call);
    List<@Nullable Object> calls = new ArrayList<>(toolCalls());
    calls.add(entry);
    return with(TOOL_CALLS, calls);
  }

  /**
   * Who speaks, such as {@code system}, {@code user}, {@code assistant} or {@code tool}.
   *
   * @return the role
   */
  public String role() {
    return (String) Objects.requireNonNull(fields.get(ROLE));
  }

  /**
   * What is said.
   *
   * @return a text, a list of parts, or null if there is none
   */
  public @Nullable Object content() {
    return fields.get(CONTENT);
  }

  /**
   * The text of the content: the text itself, or the texts of the parts with a text, joined without
   * a separator.
   *
   * @return the text; empty if there is none
   */
  public String text() {
    Object content = content();
    if (content instanceof List<?> parts) {
      return parts.stream()
          .map(part -> part instanceof Map<?, ?> map ? map.get("text") : part)
          .filter(String.class::isInstance)
          .map(String.class::cast)
          .collect(Collectors.joining());
    }
    return content == null ? "" : (String) content;
  }

  /**
   * The tool calls of this message.
   *
   * @return the calls as they were given; empty if there are none
   */
  @SuppressWarnings("unchecked") // the constructor checks that it is a list
  public List<@Nullable Object> toolCalls() {
    Object calls = fields.get(TOOL_CALLS);
    return calls == null ? List.of() : (List<@Nullable Object>) calls;
  }

  @Override
  public String toString() {
    String calls = toolCalls().isEmpty() ? "" : " (%d tool calls)".formatted(toolCalls().size());
    return role() + ": " + Quote.shorten(text()) + calls;
  }
}
