package io.github.peft4j.chat;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.junit.jupiter.api.Assertions.assertTimeoutPreemptively;

import com.google.gson.JsonElement;
import com.google.gson.JsonParser;
import java.io.IOException;
import java.io.InputStreamReader;
import java.nio.charset.StandardCharsets;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.Random;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/** Templates are input: whatever they hold, they give a text or a {@link TemplateException}. */
class HostileTemplatesTest {

  private static final Duration LONG = Duration.ofSeconds(60);

  private static final List<String> PIECES =
      List.of(
          "{{",
          "}}",
          "{%",
          "%}",
          "{#",
          "#}",
          "-",
          "+",
          "'",
          "\"",
          "\\",
          "(",
          ")",
          "[",
          "]",
          "{",
          "}",
          "|",
          ".",
          ",",
          ":",
          "~",
          "*",
          "**",
          "//",
          "%",
          "==",
          "in",
          "is",
          "not",
          "if",
          "else",
          "for",
          "endfor",
          "endif",
          "set",
          "macro",
          "endmacro",
          "loop",
          "l",
          "d",
          "t",
          "n",
          "missing",
          "nil",
          "range(9)",
          "namespace(a=1)",
          "| list",
          "| map('upper')",
          "[::-1]",
          "\n",
          " ",
          "9999999999",
          "1e308",
          "'a' * 9",
          "{% raw %}",
          "{% generation %}",
          "{% break %}",
          "\ud83d",
          "é",
          "\0");

  private static RenderedChat render(String template) {
    ChatOptions options =
        ChatOptions.prompt()
            .with("l", List.of(3, 1, 2))
            .with("d", Map.of("a", 1))
            .with("t", "Grüße 👋")
            .with("n", 7)
            .with("nil", null);
    return ChatTemplate.of(template, Map.of("bos_token", "<s>"))
        .render(List.of(Map.of("role", "user", "content", "Hi")), options);
  }

  @ParameterizedTest
  @ValueSource(
      strings = {
        "{{ 'a' * 10 ** 9 }}",
        "{{ [1] * 10 ** 9 }}",
        "{{ range(10 ** 9) | list }}",
        "{{ 10 ** (10 ** 10) }}",
        "{{ 2 ** 100000 }}",
        "{{ 'a'.center(10 ** 9) }}",
        "{{ 'a'.ljust(10 ** 12) }}",
        "{{ '%1000000000d' | format(1) }}",
        "{{ '%.999999999f' % 1.5 }}",
        "{{ '{:>999999999}'.format(1) }}",
        "{{ 'a' | indent(10 ** 9, true) }}",
        "{{ [1] | tojson(indent=10 ** 9) }}",
        "{{ [1] | batch(10 ** 9, 'x') | list }}",
        "{{ [1] | slice(10 ** 9) | list }}",
        "{{ 'a\tb'.expandtabs(10 ** 9) }}",
        "{% for a in range(99999) %}{% for b in range(99999) %}{% endfor %}{% endfor %}",
        "{% for a in range(99999) %}{% for b in range(99999) %}x{% endfor %}{% endfor %}",
        "{% set ns = namespace(x='a') %}{% for i in range(99) %}{% set ns.x = ns.x + ns.x %}{% endfor %}",
        "{% set ns = namespace(x=[1]) %}{% for i in range(99) %}{% set ns.x = ns.x + ns.x %}{% endfor %}",
        "{% set ns = namespace(x=[1]) %}{% for i in range(9) %}{% set ns.x = [ns.x] * 999 %}{% endfor %}{{ ns.x }}",
        "{% set ns = namespace(x=[1], y=[1]) %}{% for i in range(9) %}{% set ns.x = [ns.x] * 999 %}"
            + "{% set ns.y = [ns.y] * 999 %}{% endfor %}{{ ns.x == ns.y }}",
        "{% set ns = namespace(x=[1], y=[1]) %}{% for i in range(9) %}{% set ns.x = [ns.x] * 999 %}"
            + "{% set ns.y = [ns.y] * 999 %}{% endfor %}{{ ns.x < ns.y }}",
        "{% set ns = namespace(x=[1]) %}{% for i in range(9) %}{% set ns.x = [ns.x] * 999 %}{% endfor %}{{ ns.x | tojson }}",
        "{% set ns = namespace(x=[]) %}{% for i in range(9999) %}{% set ns.x = [ns.x] %}{% endfor %}{{ ns.x }}",
        "{% set ns = namespace(x=()) %}{% for i in range(9999) %}{% set ns.x = (ns.x,) %}{% endfor %}{{ {ns.x: 1} }}",
        "{% set ns = namespace(x=()) %}{% for i in range(30) %}{% set ns.x = (ns.x, ns.x) %}{% endfor %}{{ {ns.x: 1} }}",
        "{% set ns = namespace(x=[]) %}{% set ns.x = [ns] %}{{ ns }}{% set ns.y = ns %}{{ ns }}",
        "{% set ns = namespace(x=[1]) %}{% for i in range(9999) %}{% set ns.x = ns.x | map('string') %}{% endfor %}{{ ns.x | list }}",
        "{% macro m() %}{{ m() }}{% endmacro %}{{ m() }}",
        "{% macro m() %}{{ m() }}{{ m() }}{% endmacro %}{{ m() }}",
        "{% macro m(n) %}{% if n %}{{ m(n - 1) }}{{ m(n - 1) }}{% endif %}{% endmacro %}{{ m(40) }}",
        "{% set x = 'ab' * 1000000 %}{% for i in range(99999) %}{{ 'z' in x }}{% endfor %}",
        "{% set x = 'a' * 1000000 %}{% for i in range(99999) %}{{ x | length }}{% endfor %}",
        "{% set x = 'a ' * 1000000 %}{% for i in range(99999) %}{{ (x.split())[0] }}{% endfor %}",
        "{% set x = 'a' * 1000000 %}{% for i in range(99999) %}{{ x[0] }}{% endfor %}",
        "{% set x = range(99999) %}{% for i in x %}{{ i in x | list }}{% endfor %}",
        "{% set x = range(99999) | list %}{% for i in x %}{{ x.index(99998) }}{% endfor %}",
        "{% set x = range(99999) | list %}{% for i in x %}{% for j in x | reverse %}{% endfor %}{% endfor %}",
        "{{ [[]] | sort | first | first.x.y }}",
        "{{ ('a' * 100000).replace('a', 'a' * 100000) }}",
        "{{ ('a' * 100000).replace('', 'a' * 100000) }}",
        "{{ ('a' * 10000) | join('b' * 100000) }}",
        "{{ ''.join(['a' * 1000000] * 1000) }}",
        "{{ '%s' * 1000 % (['a' * 1000000] * 1000) }}",
        "{{ 1.5 | round(10 ** 9) | x }}",
        "{{ '9' * 100000 | int }}{{ ('9' * 100000) | int + x.y }}"
      })
  void costsAreBounded(String template) {
    assertTimeoutPreemptively(
        LONG,
        () ->
            assertThatThrownBy(() -> render(template))
                .isInstanceOf(TemplateException.class)
                .hasMessageContaining("line 1: "));
  }

  @ParameterizedTest
  @ValueSource(
      strings = {"(", "[", "not ", "-", "{1:", "x[", "x(", "x if x else ", "(x,", "x is eq ("})
  void deepExpressionsAreRefused(String part) {
    String template = "{{ " + part.repeat(20_000);
    assertThatThrownBy(() -> render(template)).isInstanceOf(TemplateException.class);
  }

  @ParameterizedTest
  @ValueSource(
      strings = {
        "{% if x %}",
        "{% for x in y %}",
        "{% macro x() %}",
        "{% set x %}",
        "{% filter upper %}",
        "{% generation %}",
        "{% with %}",
        "{% call x() %}"
      })
  void deepBlocksAreRefused(String part) {
    String template = part.repeat(20_000);
    assertThatThrownBy(() -> render(template)).isInstanceOf(TemplateException.class);
  }

  @ParameterizedTest
  @ValueSource(
      strings = {
        " + 1",
        " ~ 1",
        " * 1",
        " and 1",
        " or 1",
        " == 1",
        " | string",
        " | string | int",
        "[:]",
        " is string"
      })
  void longChainsAreNoDepth(String part) {
    String template = "{{ 'a'" + part.repeat(3000) + " }}";
    try {
      assertThat(render(template).text()).isNotNull();
    } catch (TemplateException e) {
      assertThat(e).hasMessageContaining("line 1: ");
    }
  }

  @Test
  void deepValuesAreRefused() {
    List<Object> value = List.of();
    for (int i = 0; i < 10_000; i++) {
      value = List.of(value);
    }
    ChatOptions options = ChatOptions.prompt().with("x", value);
    assertThatThrownBy(
            () ->
                ChatTemplate.of("{{ x }}", Map.of())
                    .render(List.of(Map.of("role", "user")), options))
        .hasMessage("'x' is nested more than 100 deep");
  }

  @Test
  void mutatedTemplatesGiveATextOrAnErrorWithItsLine() throws IOException {
    List<String> seeds = seeds();
    int rounds = Integer.getInteger("peft4j.fuzz", 4000);
    Random random = new Random(20261129);
    assertTimeoutPreemptively(
        LONG.multipliedBy(1 + rounds / 10_000),
        () -> {
          for (int i = 0; i < rounds; i++) {
            String template = mutated(seeds, random);
            try {
              render(template);
            } catch (TemplateException e) {
              assertThat(e.getMessage()).containsPattern("line \\d+: ");
            } catch (RuntimeException | Error e) {
              throw new AssertionError("round " + i + ": " + template, e);
            }
          }
        });
  }

  private static String mutated(List<String> seeds, Random random) {
    StringBuilder template = new StringBuilder(seeds.get(random.nextInt(seeds.size())));
    if (random.nextInt(3) == 0) {
      template.append(seeds.get(random.nextInt(seeds.size())));
    }
    for (int i = random.nextInt(4); i >= 0; i--) {
      int at = random.nextInt(template.length() + 1);
      int end = Math.min(template.length(), at + random.nextInt(6));
      switch (random.nextInt(4)) {
        case 0 -> template.delete(at, end);
        case 1 -> template.insert(at, template.substring(at, end));
        case 2 -> template.insert(at, PIECES.get(random.nextInt(PIECES.size())));
        default -> {
          String seed = seeds.get(random.nextInt(seeds.size()));
          int from = random.nextInt(seed.length() + 1);
          int to = Math.min(seed.length(), from + random.nextInt(12));
          template.replace(at, end, seed.substring(from, to));
        }
      }
    }
    return template.toString();
  }

  private static List<String> seeds() throws IOException {
    List<String> seeds = new ArrayList<>();
    try (InputStreamReader in =
        new InputStreamReader(
            Objects.requireNonNull(
                HostileTemplatesTest.class.getResourceAsStream("/golden-chat/snippets.json")),
            StandardCharsets.UTF_8)) {
      for (JsonElement each :
          JsonParser.parseReader(in).getAsJsonObject().getAsJsonArray("snippets")) {
        seeds.add(each.getAsJsonObject().get("template").getAsString());
      }
    }
    return seeds;
  }
}
