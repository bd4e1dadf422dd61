package io.github.peft4j.chat;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.github.peft4j.data.conversation.Conversation;
import io.github.peft4j.data.conversation.Message;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Map;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** Which of the chat templates in a folder is taken. */
class TemplateFilesTest {

  private static final Conversation HI = Conversation.of(Message.user("Hi"));

  @TempDir private Path folder;

  private void write(String file, String content) throws IOException {
    Path path = folder.resolve(file);
    Files.createDirectories(path.getParent());
    Files.writeString(path, content);
  }

  private ChatTemplate found() {
    return ChatTemplate.find(folder, Map.of("bos_token", "<s>")).orElseThrow();
  }

  private String rendered(ChatOptions options) {
    return found().render(HI, options).text();
  }

  @Test
  void filesOfTemplatesCountFirstThenTheTokenizersConfig() throws IOException {
    assertThat(ChatTemplate.find(folder, Map.of())).isEmpty();
    write("tokenizer_config.json", "{\"chat_template\": null}");
    assertThat(ChatTemplate.find(folder, Map.of())).isEmpty();
    write("chat_template.json", "{\"chat_template\": \"older {{ messages[0].content }}\"}");
    assertThat(rendered(ChatOptions.prompt())).isEqualTo("older Hi");
    write("tokenizer_config.json", "{\"chat_template\": \"config {{ messages[0].content }}\"}");
    assertThat(rendered(ChatOptions.prompt())).isEqualTo("config Hi");
    write("chat_template.jinja", "{{ bos_token }}file {{ messages[0].content }}");
    assertThat(rendered(ChatOptions.prompt())).isEqualTo("<s>file Hi");
    assertThat(found().names()).containsExactly("default");
  }

  @Test
  void namedTemplatesAreChosenByNameOrByTools() throws IOException {
    write(
        "tokenizer_config.json",
        """
        {"chat_template": [{"name": "default", "template": "plain"},
                           {"name": "tool_use", "template": "{{ tools | length }} tools"},
                           {"name": "rag", "template": "{{ documents | length }} documents"}]}
        """);
    Map<String, Object> tool = Map.of("type", "function", "function", Map.of("name", "f"));
    assertThat(found().names()).containsExactly("default", "rag", "tool_use");
    assertThat(rendered(ChatOptions.prompt())).isEqualTo("plain");
    assertThat(rendered(ChatOptions.prompt().tools(List.of(tool)))).isEqualTo("1 tools");
    assertThat(rendered(ChatOptions.prompt().template("rag").documents(List.of())))
        .isEqualTo("0 documents");
    assertThat(rendered(ChatOptions.prompt().template("default").tools(List.of(tool))))
        .isEqualTo("plain");
    assertThatThrownBy(() -> rendered(ChatOptions.prompt().template("none")))
        .isInstanceOf(TemplateException.class)
        .hasMessage("the model has no chat template 'none'; it has [default, rag, tool_use]");
  }

  @Test
  void additionalTemplatesLieInAFolderOfTheirOwn() throws IOException {
    write("chat_template.jinja", "plain");
    write("additional_chat_templates/tool_use.jinja", "tools");
    write("additional_chat_templates/notes.txt", "no template {%");
    assertThat(found().names()).containsExactly("default", "tool_use");
    assertThat(rendered(ChatOptions.prompt().tools(List.of()))).isEqualTo("tools");
  }

  @Test
  void severalTemplatesWithoutADefaultAreAskedFor() throws IOException {
    write(
        "tokenizer_config.json",
        "{\"chat_template\": [{\"name\": \"a\", \"template\": \"1\"}, {\"name\": \"b\", \"template\": \"2\"}]}");
    assertThatThrownBy(() -> rendered(ChatOptions.prompt()))
        .isInstanceOf(TemplateException.class)
        .hasMessageContaining("choose one of [a, b] by ChatOptions.template");
    assertThat(rendered(ChatOptions.prompt().template("b"))).isEqualTo("2");
  }

  @Test
  void anErrorNamesTheFileAndTheTemplate() throws IOException {
    write(
        "tokenizer_config.json",
        "{\"chat_template\": [{\"name\": \"rag\", \"template\": \"a\\n{% if %}\"}]}");
    assertThatThrownBy(this::found)
        .isInstanceOf(TemplateException.class)
        .hasMessageContaining(
            "tokenizer_config.json, field 'chat_template', template 'rag', line 2:");
    write("tokenizer_config.json", "{\"chat_template\": 7}");
    assertThatThrownBy(this::found)
        .isInstanceOf(TemplateException.class)
        .hasMessageContaining("field 'chat_template' has 7; expected a text, or a list of objects");
    write("tokenizer_config.json", "{\"chat_template\": [\"x\"]}");
    assertThatThrownBy(this::found).hasMessageContaining("has \"x\"; expected a text");
  }
}
