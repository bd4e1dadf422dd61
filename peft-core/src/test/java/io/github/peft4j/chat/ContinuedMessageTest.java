package io.github.peft4j.chat;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.github.peft4j.data.conversation.Conversation;
import io.github.peft4j.data.conversation.Message;
import java.util.List;
import java.util.Map;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

/**
 * {@code continue_final_message}. The expected texts are those of transformers 5.24 for the same
 * templates and messages.
 */
class ContinuedMessageTest {

  private static final String PLAIN = turns("m.content");
  private static final String TRIMMED = turns("m.content | trim");

  private static String turns(String content) {
    return "{% for m in messages %}<{{ m.role }}>{{ " + content + " }}</{{ m.role }}>{% endfor %}";
  }

  private static String continued(String template, Message last) {
    return ChatTemplate.of(template, Map.of())
        .render(Conversation.of(Message.user("x"), last), ChatOptions.continuation())
        .text();
  }

  @ParameterizedTest
  @CsvSource(
      ignoreLeadingAndTrailingWhitespace = false,
      value = {
        "The answer is,The answer is,The answer is",
        "' The answer is ',The answer is,' The answer is '",
        "x,x,x",
        "'','',''",
        "'The answer is\n',The answer is,'The answer is\n'"
      })
  void theTextEndsWithTheLastMessage(String content, String trimmed, String plain) {
    String start = "<user>x</user><assistant>";
    assertThat(continued(TRIMMED, Message.assistant(content))).isEqualTo(start + trimmed);
    assertThat(continued(PLAIN, Message.assistant(content))).isEqualTo(start + plain);
  }

  @Test
  void theLastTextOfPartsIsContinued() {
    Message parts =
        Message.assistant()
            .with(
                "content",
                List.of(
                    Map.of("type", "text", "text", "one"), Map.of("type", "text", "text", "two")));
    String template =
        "{% for m in messages %}<{{ m.role }}>{% if m.content is string %}{{ m.content }}{% else %}"
            + "{% for p in m.content %}{{ p.text }}{% endfor %}{% endif %}</{{ m.role }}>{% endfor %}";
    assertThat(continued(template, parts)).isEqualTo("<user>x</user><assistant>onetwo");
  }

  @Test
  void aMessageThatTheTemplateDropsCannotBeContinued() {
    assertThatThrownBy(
            () ->
                continued(
                    "{% for m in messages %}{{ 'gone' if loop.last else m.content }}{% endfor %}",
                    Message.assistant("abc")))
        .isInstanceOf(TemplateException.class)
        .hasMessageContaining("the last message is not in the rendered text as it is");
    assertThatThrownBy(() -> continued(PLAIN, Message.of("assistant", null)))
        .isInstanceOf(TemplateException.class)
        .hasMessageContaining("the last message has no 'content' to continue");
    assertThatThrownBy(() -> ChatOptions.continuation().addGenerationPrompt(true))
        .isInstanceOf(IllegalArgumentException.class)
        .hasMessageContaining("exclude each other");
  }
}
