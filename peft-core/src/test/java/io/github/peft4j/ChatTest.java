package io.github.peft4j;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.github.peft4j.data.SharedFolder;
import io.github.peft4j.data.conversation.Conversation;
import io.github.peft4j.data.conversation.Message;
import io.github.peft4j.generate.FinishReason;
import io.github.peft4j.generate.Generation;
import io.github.peft4j.generate.GenerationConfig;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardCopyOption;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** A model answers conversations by the chat template in its folder. */
class ChatTest {

  private static final GenerationConfig SHORT = GenerationConfig.greedy().maxNewTokens(12);

  @TempDir private Path folder;

  private PeftModel load(String template) throws IOException {
    Path shared = SharedFolder.require("models/stories260K");
    try (Stream<Path> files = Files.list(shared)) {
      for (Path file : files.toList()) {
        Files.copy(file, folder.resolve(file.getFileName()), StandardCopyOption.REPLACE_EXISTING);
      }
    }
    Files.writeString(folder.resolve("chat_template.jinja"), template);
    return Peft.load(folder.toString());
  }

  @Test
  void answersWhatTheTemplateMakesOfTheConversation() throws IOException {
    String template = "{{ bos_token }}{% for m in messages %}{{ m.content }} {% endfor %}";
    try (PeftModel model = load(template)) {
      Conversation conversation = Conversation.of(Message.user("Once upon a time"));
      long[] ids = model.tokenizer().encode("<s>Once upon a time ", false);
      StringBuilder streamed = new StringBuilder();

      Generation answer = model.chat(conversation, SHORT, streamed::append);

      assertThat(ids[0]).isEqualTo(model.tokenizer().bosId().orElseThrow());
      assertThat(ids[1]).isNotEqualTo(ids[0]);
      assertThat(answer.text()).isEqualTo(model.generator().generate(ids, SHORT).text());
      assertThat(streamed).hasToString(answer.text());
      assertThat(answer.text()).isNotBlank();
    }
  }

  @Test
  void stopsAtTheTokenThatTheTemplateWritesAfterAnAnswer() throws IOException {
    String turns = "{{ bos_token }}{% for m in messages %}{{ m.content }}#{% endfor %}";
    assertThat(reason(turns.replace("#", "{{ unk_token }}"))).isEqualTo(FinishReason.STOP_TOKEN);
    assertThat(reason(turns.replace("#", ""))).isEqualTo(FinishReason.MAX_NEW_TOKENS);
  }

  /** Why a text ends whose last possible token is made to be the unknown one. */
  private FinishReason reason(String template) throws IOException {
    try (PeftModel model = load(template)) {
      long unknown = model.tokenizer().unknownId().orElseThrow();
      return model
          .chat(Conversation.of(Message.user("Hi")), SHORT.forcedEosTokenId(unknown))
          .finishReason();
    }
  }

  @Test
  void aFolderWithoutATemplateIsNamed() {
    try (PeftModel model = Peft.load(SharedFolder.require("models/stories260K").toString())) {
      assertThatThrownBy(() -> model.chat(Message.user("Hi")))
          .isInstanceOf(IllegalStateException.class)
          .hasMessageContaining("has no chat template")
          .hasMessageContaining("in a GGUF file, tokenizer.chat_template");
    }
  }
}
