package io.github.peft4j.chat;

import io.github.peft4j.data.conversation.Conversation;
import java.time.Clock;
import java.time.ZoneId;
import java.util.Collections;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import org.jspecify.annotations.Nullable;

/**
 * How a conversation becomes a text. The names are those of transformers' {@code
 * apply_chat_template}.
 *
 * <pre>{@code
 * ChatOptions.prompt().tools(List.of(weather)).with("enable_thinking", false)
 * }</pre>
 *
 * @param addGenerationPrompt whether the text ends with the start of an answer
 * @param continueFinalMessage the field of the last message that the model continues, such as
 *     {@code content}: the text ends with it; or null
 * @param tools the JSON schemas of the functions that the model may call, or null for none
 * @param documents the documents that the model may cite, with {@code title} and {@code text}, or
 *     null for none
 * @param variables further variables for the template, such as {@code enable_thinking}; they
 *     replace special tokens of the same name
 * @param template the name of the template if the model has several, or null for transformers'
 *     choice: {@code tool_use} if there are tools, else {@code default}
 * @param clock the time that templates ask for
 */
public record ChatOptions(
    boolean addGenerationPrompt,
    @Nullable String continueFinalMessage,
    @Nullable List<? extends Map<String, ? extends @Nullable Object>> tools,
    @Nullable List<? extends Map<String, ? extends @Nullable Object>> documents,
    Map<String, @Nullable Object> variables,
    @Nullable String template,
    Clock clock) {

  private static final ChatOptions DEFAULTS =
      new ChatOptions(
          false, null, null, null, Map.of(), null, Clock.system(ZoneId.systemDefault()));

  /** Copies the variables. */
  public ChatOptions {
    variables = Collections.unmodifiableMap(new LinkedHashMap<>(variables));
    if (addGenerationPrompt && continueFinalMessage != null) {
      throw new IllegalArgumentException(
          "addGenerationPrompt and continueFinalMessage exclude each other: the text ends either"
              + " with the start of a new answer or within the last message");
    }
  }

  /**
   * A whole conversation, as for training.
   *
   * @return the options
   */
  public static ChatOptions conversation() {
    return DEFAULTS;
  }

  /**
   * A conversation that the model is to answer: {@code addGenerationPrompt}.
   *
   * @return the options
   */
  public static ChatOptions prompt() {
    return new ChatOptions(
        true, null, null, null, Map.of(), null, Clock.system(ZoneId.systemDefault()));
  }

  /**
   * A conversation whose last message the model is to continue.
   *
   * @return the options
   */
  public static ChatOptions continuation() {
    return new ChatOptions(
        false, "content", null, null, Map.of(), null, Clock.system(ZoneId.systemDefault()));
  }

  /**
   * These options with tools.
   *
   * @param tools their JSON schemas, or null for none
   * @return the options
   */
  public ChatOptions tools(
      @Nullable List<? extends Map<String, ? extends @Nullable Object>> tools) {
    return new ChatOptions(
        addGenerationPrompt, continueFinalMessage, tools, documents, variables, template, clock);
  }

  /**
   * These options with what a conversation says: its tools, documents and other variables.
   *
   * @param conversation whose variables replace those of the same name
   * @return the options
   */
  @SuppressWarnings("unchecked") // rendering checks what the lists hold
  public ChatOptions of(Conversation conversation) {
    Map<String, @Nullable Object> more = new LinkedHashMap<>(variables);
    more.putAll(conversation.variables());
    Object given = more.remove("tools");
    Object read = more.remove("documents");
    return new ChatOptions(
        addGenerationPrompt,
        continueFinalMessage,
        given == null ? tools : (List<Map<String, @Nullable Object>>) given,
        read == null ? documents : (List<Map<String, @Nullable Object>>) read,
        more,
        template,
        clock);
  }

  /**
   * These options with a generation prompt or without.
   *
   * @param add whether the text ends with the start of an answer
   * @return the options
   */
  public ChatOptions addGenerationPrompt(boolean add) {
    return new ChatOptions(add, continueFinalMessage, tools, documents, variables, template, clock);
  }

  /**
   * These options with documents.
   *
   * @param documents with {@code title} and {@code text}, or null for none
   * @return the options
   */
  public ChatOptions documents(
      @Nullable List<? extends Map<String, ? extends @Nullable Object>> documents) {
    return new ChatOptions(
        addGenerationPrompt, continueFinalMessage, tools, documents, variables, template, clock);
  }

  /**
   * These options with one more variable.
   *
   * @param variable its name
   * @param value a text, number, truth value, list, map or null
   * @return the options
   */
  public ChatOptions with(String variable, @Nullable Object value) {
    Map<String, @Nullable Object> more = new LinkedHashMap<>(variables);
    more.put(variable, value);
    return new ChatOptions(
        addGenerationPrompt, continueFinalMessage, tools, documents, more, template, clock);
  }

  /**
   * These options with a template of those that the model has.
   *
   * @param name its name
   * @return the options
   */
  public ChatOptions template(String name) {
    return new ChatOptions(
        addGenerationPrompt, continueFinalMessage, tools, documents, variables, name, clock);
  }

  /**
   * These options with another time for {@code strftime_now}.
   *
   * @param time a clock in the zone that counts
   * @return the options
   */
  public ChatOptions clock(Clock time) {
    return new ChatOptions(
        addGenerationPrompt, continueFinalMessage, tools, documents, variables, template, time);
  }
}
