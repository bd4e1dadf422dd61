package io.github.peft4j.chat;

import com.google.gson.Gson;
import com.google.gson.GsonBuilder;
import com.google.gson.ToNumberPolicy;
import com.google.gson.reflect.TypeToken;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Clock;
import java.time.LocalDate;
import java.time.ZoneOffset;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.concurrent.atomic.AtomicReference;
import java.util.function.Supplier;
import org.jspecify.annotations.Nullable;

/**
 * What transformers renders of conversations: a file with {@code special}, {@code date}, {@code
 * conversations} by name, and {@code rendered}, which has for each template and conversation a text
 * with the spans of {@code {% generation %}} in code points, or an error.
 */
record Renderings(
    Map<String, String> special,
    Clock clock,
    Map<String, Map<String, @Nullable Object>> conversations,
    Map<String, Map<String, Expected>> rendered) {

  /** What is expected of one template and conversation. */
  record Expected(
      @Nullable String text, @Nullable List<List<Integer>> generation, @Nullable String error) {}

  private record Content(
      Map<String, String> special,
      String date,
      Map<String, Map<String, @Nullable Object>> conversations,
      Map<String, Map<String, Expected>> rendered) {}

  private static final Gson GSON =
      new GsonBuilder().setObjectToNumberStrategy(ToNumberPolicy.LAZILY_PARSED_NUMBER).create();

  static Renderings read(Path file) {
    try {
      Content content =
          GSON.fromJson(Files.readString(file), new TypeToken<Content>() {}.getType());
      Clock noon =
          Clock.fixed(
              LocalDate.parse(content.date()).atTime(12, 0).toInstant(ZoneOffset.UTC),
              ZoneOffset.UTC);
      return new Renderings(content.special(), noon, content.conversations(), content.rendered());
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    }
  }

  /** A template, which is read when it is first asked for, and again if that fails. */
  Supplier<ChatTemplate> template(String text) {
    AtomicReference<@Nullable ChatTemplate> read = new AtomicReference<>();
    return () -> {
      ChatTemplate template = read.get();
      if (template == null) {
        template = ChatTemplate.of(text, special);
        read.set(template);
      }
      return template;
    };
  }

  /** What is wrong with our rendering; null if it is the expected one. */
  @Nullable String difference(
      Supplier<ChatTemplate> template, String conversation, Expected expected) {
    RenderedChat ours;
    try {
      ours = render(template, conversation);
    } catch (TemplateException e) {
      return expected.error() != null ? null : "failed: " + e.getMessage();
    }
    String text = expected.text();
    if (text == null) {
      return "no error; transformers has " + expected.error();
    }
    if (!text.equals(ours.text())) {
      return "another text:\n  ours  "
          + around(ours.text(), text)
          + "\n  their "
          + around(text, ours.text());
    }
    List<List<Integer>> spans = inText(expected.generation(), text);
    if (spans != null && !spans.equals(spans(ours))) {
      return "other spans: " + spans(ours) + ", transformers has " + spans;
    }
    return null;
  }

  /** transformers counts the mark of a message that is continued, which is not in the text. */
  private static @Nullable List<List<Integer>> inText(
      @Nullable List<List<Integer>> spans, String text) {
    int length = text.codePointCount(0, text.length());
    return spans == null
        ? null
        : spans.stream()
            .filter(span -> span.get(0) <= length)
            .map(span -> List.of(span.get(0), Math.min(span.get(1), length)))
            .toList();
  }

  /** The text from a little before the first difference on. */
  private static String around(String text, String other) {
    int at = 0;
    while (at < Math.min(text.length(), other.length()) && text.charAt(at) == other.charAt(at)) {
      at++;
    }
    String part = text.substring(Math.max(0, at - 30), Math.min(text.length(), at + 60));
    return part.replace("\n", "\\n");
  }

  private static List<List<Integer>> spans(RenderedChat chat) {
    return chat.generations().stream()
        .map(
            span ->
                List.of(
                    chat.text().codePointCount(0, span.start()),
                    chat.text().codePointCount(0, span.end())))
        .toList();
  }

  @SuppressWarnings("unchecked") // the file's form
  private RenderedChat render(Supplier<ChatTemplate> template, String conversation) {
    Map<String, @Nullable Object> given = new LinkedHashMap<>(conversations.get(conversation));
    List<Map<String, @Nullable Object>> messages =
        Objects.requireNonNull((List<Map<String, @Nullable Object>>) given.remove("messages"));
    Object continued = given.remove("continue_final_message");
    ChatOptions options =
        Boolean.TRUE.equals(given.remove("add_generation_prompt"))
            ? ChatOptions.prompt()
            : continued == null || continued.equals(false)
                ? ChatOptions.conversation()
                : ChatOptions.continuation();
    options =
        options
            .tools((List<Map<String, @Nullable Object>>) given.remove("tools"))
            .documents((List<Map<String, @Nullable Object>>) given.remove("documents"))
            .clock(clock);
    for (Map.Entry<String, @Nullable Object> each : given.entrySet()) {
      options = options.with(each.getKey(), each.getValue());
    }
    return template.get().renderAsGiven(messages, options);
  }
}
