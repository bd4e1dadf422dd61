package io.github.peft4j.chat;

import static org.assertj.core.api.Assertions.assertThat;

import com.google.gson.Gson;
import com.google.gson.GsonBuilder;
import com.google.gson.ToNumberPolicy;
import com.google.gson.reflect.TypeToken;
import java.io.IOException;
import java.io.InputStreamReader;
import java.nio.charset.StandardCharsets;
import java.time.Clock;
import java.time.LocalDateTime;
import java.time.ZoneOffset;
import java.util.ArrayList;
import java.util.HashSet;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.Set;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.Test;

/** Each construct of Jinja gives what transformers gives. make_snippets.py makes the values. */
class SnippetsTest {

  /** What we refuse and transformers does not: said in docs/how-to/chat.md. */
  private static final Set<String> REFUSED =
      Set.of(
          "{% for x in l recursive %}{{ x }}{% endfor %}",
          "{% block a %}{% endblock %}", "{{ cycler('a') }}", "{{ x | urlize }}");

  private record Snippets(
      Map<String, @Nullable Object> values, String time, List<Snippet> snippets) {}

  private record Snippet(
      String template,
      @Nullable String text,
      @Nullable List<List<Integer>> generation,
      @Nullable String error) {}

  private static Snippets read() throws IOException {
    Gson gson =
        new GsonBuilder().setObjectToNumberStrategy(ToNumberPolicy.LAZILY_PARSED_NUMBER).create();
    try (InputStreamReader in =
        new InputStreamReader(
            Objects.requireNonNull(
                SnippetsTest.class.getResourceAsStream("/golden-chat/snippets.json")),
            StandardCharsets.UTF_8)) {
      return gson.fromJson(in, new TypeToken<Snippets>() {}.getType());
    }
  }

  @Test
  void eachConstructGivesWhatTransformersGives() throws IOException {
    Snippets all = read();
    Clock clock =
        Clock.fixed(LocalDateTime.parse(all.time()).toInstant(ZoneOffset.UTC), ZoneOffset.UTC);
    ChatOptions options = ChatOptions.conversation().clock(clock);
    for (Map.Entry<String, @Nullable Object> value : all.values().entrySet()) {
      options = options.with(value.getKey(), value.getValue());
    }
    List<String> failures = new ArrayList<>();
    Set<String> refused = new HashSet<>();
    for (Snippet snippet : all.snippets()) {
      String ours = render(snippet.template(), options);
      String theirs = snippet.text() + Objects.requireNonNullElse(snippet.generation(), List.of());
      boolean failed = ours.startsWith("error");
      if (failed && snippet.error() == null && REFUSED.contains(snippet.template())) {
        refused.add(snippet.template());
      } else if (failed ? snippet.error() == null : !ours.equals(theirs)) {
        failures.add(
            snippet.template() + "\n  ours  " + ours + "\n  their " + theirs + snippet.error());
      }
    }
    assertThat(failures).isEmpty();
    assertThat(refused).isEqualTo(REFUSED);
    assertThat(all.snippets()).hasSizeGreaterThan(250);
  }

  private static String render(String template, ChatOptions options) {
    try {
      RenderedChat chat = ChatTemplate.of(template, Map.of()).renderAsGiven(List.of(), options);
      List<List<Integer>> spans =
          chat.generations().stream()
              .map(
                  span ->
                      List.of(
                          chat.text().codePointCount(0, span.start()),
                          chat.text().codePointCount(0, span.end())))
              .toList();
      return chat.text() + spans;
    } catch (TemplateException e) {
      assertThat(e.getMessage()).containsPattern("line \\d+: ");
      return "error " + e.getMessage();
    }
  }
}
