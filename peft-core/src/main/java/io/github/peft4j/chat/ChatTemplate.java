package io.github.peft4j.chat;

import io.github.peft4j.chat.jinja.JinjaException;
import io.github.peft4j.chat.jinja.Template;
import io.github.peft4j.chat.python.None;
import io.github.peft4j.data.conversation.Conversation;
import io.github.peft4j.data.tokenizer.Tokenizer;
import java.nio.file.Path;
import java.time.LocalDateTime;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import java.util.TreeMap;
import java.util.regex.Pattern;
import org.jspecify.annotations.Nullable;

/**
 * The chat template of a model: it makes of a conversation the text that the model was trained on.
 * The text is the one that transformers renders.
 *
 * <p>Templates are written in Jinja. They come with models, from strangers: they see the
 * conversation and nothing else, and their cost has limits. What of Jinja no chat template needs is
 * refused when the template is read.
 *
 * <p>Safe for use by many threads.
 */
public final class ChatTemplate {

  private static final String DEFAULT = "default";
  private static final Pattern GENERATION = Pattern.compile("\\{%[-+]?\\s*generation\\s*[-+]?%\\}");

  /** A template, its text and where it comes from. */
  private record Named(String source, String text, Template template) {}

  private final Map<String, Named> templates = new TreeMap<>();
  private final Map<String, String> specialTokens;

  /** Templates by their names; {@code sources} says where each comes from. */
  private ChatTemplate(
      Map<String, String> texts, Map<String, String> sources, Map<String, String> specialTokens) {
    this.specialTokens = Map.copyOf(specialTokens);
    texts.forEach(
        (name, text) -> {
          String source = sources.getOrDefault(name, "chat template");
          try {
            templates.put(name, new Named(source, text, new Template(text)));
          } catch (JinjaException e) {
            throw error(source, e);
          }
        });
  }

  /**
   * A template.
   *
   * @param template its text
   * @param specialTokens texts of special tokens that the template names, such as {@code bos_token}
   * @return the template
   * @throws TemplateException if it is not Jinja, or has something that peft4j does not know
   */
  public static ChatTemplate of(String template, Map<String, String> specialTokens) {
    return new ChatTemplate(Map.of(DEFAULT, template), Map.of(), specialTokens);
  }

  /**
   * The template in a model's folder. As in transformers, {@code chat_template.jinja} and {@code
   * additional_chat_templates/*.jinja} count before {@code chat_template} in {@code
   * tokenizer_config.json}, which is a text or a list of named templates. {@code
   * chat_template.json} is the last choice.
   *
   * @param folder the model's folder
   * @param specialTokens texts of special tokens that the template names, such as {@code bos_token}
   * @return the template, or nothing if the folder has none
   * @throws TemplateException if it is not Jinja, or has something that peft4j does not know
   */
  public static Optional<ChatTemplate> find(Path folder, Map<String, String> specialTokens) {
    return of(TemplateFiles.read(folder), specialTokens);
  }

  private static Optional<ChatTemplate> of(TemplateFiles files, Map<String, String> specialTokens) {
    return files.texts().isEmpty()
        ? Optional.empty()
        : Optional.of(new ChatTemplate(files.texts(), files.sources(), specialTokens));
  }

  /**
   * The template beside a tokenizer's files, or in the GGUF file that the tokenizer comes from,
   * with the tokenizer's special tokens.
   *
   * @param tokenizer the model's tokenizer
   * @return the template, or nothing if there is none
   * @throws TemplateException if it is not Jinja, or has something that peft4j does not know
   */
  public static Optional<ChatTemplate> find(Tokenizer tokenizer) {
    TemplateFiles files =
        tokenizer.folder().map(TemplateFiles::read).orElseGet(() -> TemplateFiles.of(tokenizer));
    return of(files, tokenizer.specialTokens());
  }

  /**
   * The names of the model's templates.
   *
   * @return the names, sorted; {@code default} if there is one only
   */
  public Set<String> names() {
    return templates.keySet();
  }

  /**
   * The text of a template.
   *
   * @param name one of {@link #names}
   * @return the text
   */
  public String text(String name) {
    return named(name).text();
  }

  /**
   * Whether the template marks what the assistant writes, by {@code {% generation %}}.
   *
   * @param options which template is meant
   * @return whether it does
   */
  public boolean marksGeneration(ChatOptions options) {
    return GENERATION.matcher(choose(options).text()).find();
  }

  /**
   * The text of a conversation. Fields of messages that are null are left out, as transformers
   * does.
   *
   * @param messages the messages with {@code role}, {@code content} and further fields. Values are
   *     texts, numbers, truth values, lists, maps and nulls
   * @param options how the text is made
   * @return the text, and where the assistant wrote it
   * @throws TemplateException if the template refuses the conversation; the message is the
   *     template's
   */
  public RenderedChat render(
      List<? extends Map<String, ? extends @Nullable Object>> messages, ChatOptions options) {
    if (messages.isEmpty()) {
      throw new TemplateException("the conversation has no messages; expected one at least");
    }
    List<Map<String, @Nullable Object>> present = new ArrayList<>();
    for (Map<String, ? extends @Nullable Object> message : messages) {
      Map<String, @Nullable Object> fields = new LinkedHashMap<>(message);
      fields.values().removeIf(value -> value == null);
      present.add(fields);
    }
    return renderAsGiven(present, options);
  }

  /**
   * The text of a conversation.
   *
   * @param conversation its variables are added to those of the options
   * @param options how the text is made
   * @return the text, and where the assistant wrote it
   * @throws TemplateException if the template refuses the conversation
   */
  public RenderedChat render(Conversation conversation, ChatOptions options) {
    return render(conversation.fields(), options.of(conversation));
  }

  /** The text of a conversation: transformers' {@code render_jinja_template}. Nulls stay. */
  RenderedChat renderAsGiven(
      List<? extends Map<String, ? extends @Nullable Object>> messages, ChatOptions options) {
    Named chosen = choose(options);
    ChatValues values = new ChatValues();
    List<Map<Object, Object>> given = messages(messages, values);
    String field = options.continueFinalMessage();
    ContinuedMessage continued =
        field == null ? null : ContinuedMessage.mark(given, field, chosen.text());
    Map<String, Object> variables = new LinkedHashMap<>();
    specialTokens.forEach(variables::put);
    options
        .variables()
        .forEach((name, value) -> variables.put(name, values.convert(value, "'" + name + "'")));
    variables.put("messages", given);
    variables.put("tools", values.convert(options.tools(), "'tools'"));
    variables.put("documents", values.convert(options.documents(), "'documents'"));
    variables.put("add_generation_prompt", options.addGenerationPrompt());
    try {
      Template.Result result =
          chosen
              .template()
              .render(variables, values.characters(), () -> LocalDateTime.now(options.clock()));
      return rendered(result, continued == null ? result.text() : continued.cut(result.text()));
    } catch (JinjaException e) {
      throw error(chosen.source(), e);
    }
  }

  /** The spans of a result in its text, which may be cut. */
  private static RenderedChat rendered(Template.Result result, String text) {
    int cut = result.text().length() - text.length();
    return new RenderedChat(
        text,
        result.generations().stream()
            .filter(span -> cut == 0 || span.start() <= text.length())
            .map(
                span ->
                    new RenderedChat.Span(
                        span.start(), cut == 0 ? span.end() : Math.min(span.end(), text.length())))
            .toList());
  }

  private static TemplateException error(String source, JinjaException e) {
    return new TemplateException("%s, line %d: %s".formatted(source, e.line(), e.getMessage()));
  }

  private static List<Map<Object, Object>> messages(
      List<? extends Map<String, ? extends @Nullable Object>> messages, ChatValues values) {
    List<Map<Object, Object>> given = new ArrayList<>();
    for (int i = 0; i < messages.size(); i++) {
      Map<Object, Object> message = new LinkedHashMap<>();
      String name = "message " + (i + 1);
      messages
          .get(i)
          .forEach(
              (key, value) -> message.put(key, values.convert(value, name + ", '" + key + "'")));
      given.add(withReasoning(message));
    }
    return given;
  }

  /** Reasoning under the names that templates read it by. */
  private static Map<Object, Object> withReasoning(Map<Object, Object> message) {
    Object reasoning = null;
    for (String name : List.of("reasoning", "thinking", "reasoning_content")) {
      Object value = message.getOrDefault(name, None.NONE);
      reasoning = value == None.NONE ? reasoning : value;
    }
    if (reasoning == null) {
      return message;
    }
    Map<Object, Object> named = new LinkedHashMap<>();
    named.put("thinking", reasoning);
    named.putAll(message);
    named.put("reasoning_content", reasoning);
    return named;
  }

  private Named choose(ChatOptions options) {
    String wanted = options.template();
    if (wanted != null) {
      return named(wanted);
    }
    if (options.tools() != null && templates.containsKey("tool_use")) {
      return named("tool_use");
    }
    if (!templates.containsKey(DEFAULT)) {
      throw new TemplateException(
          "the model has several chat templates and none is the default: choose one of "
              + names()
              + " by ChatOptions.template");
    }
    return named(DEFAULT);
  }

  private Named named(String name) {
    Named template = templates.get(name);
    if (template == null) {
      throw new TemplateException(
          "the model has no chat template '" + name + "'; it has " + names());
    }
    return template;
  }
}
