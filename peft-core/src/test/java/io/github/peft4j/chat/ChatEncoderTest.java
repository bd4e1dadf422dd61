package io.github.peft4j.chat;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import com.google.gson.Gson;
import com.google.gson.JsonObject;
import com.google.gson.reflect.TypeToken;
import io.github.peft4j.data.DataException;
import io.github.peft4j.data.Dataset;
import io.github.peft4j.data.batch.EncodedDataset;
import io.github.peft4j.data.batch.EncodedExample;
import io.github.peft4j.data.conversation.Conversation;
import io.github.peft4j.data.conversation.ConversationExample;
import io.github.peft4j.data.conversation.Message;
import io.github.peft4j.data.tokenizer.Tokenizer;
import java.io.IOException;
import java.io.InputStream;
import java.io.InputStreamReader;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** Ids and labels of conversations. make_masks.py makes the values. */
class ChatEncoderTest {

  private static final String TURNS =
      "{{ bos_token }}{% for m in messages %}{{ '<|im_start|>' + m.role + '\n' + m.content"
          + " + '<|im_end|>\n' }}{% endfor %}"
          + "{% if add_generation_prompt %}{{ '<|im_start|>assistant\n' }}{% endif %}";
  private static final Map<String, String> SPECIAL = Map.of("bos_token", "<s>");

  @TempDir private Path folder;

  private record Case(
      String tokenizer,
      JsonObject config,
      String template,
      List<Map<String, Object>> messages,
      long[] ids,
      long[] mask) {

    ConversationExample example() {
      return ConversationExample.of(messages.stream().map(Message::new).toArray(Message[]::new));
    }
  }

  private static List<Case> cases() throws IOException {
    try (InputStreamReader in =
        new InputStreamReader(resource("/golden-chat/masks.json"), StandardCharsets.UTF_8)) {
      return new Gson().fromJson(in, new TypeToken<List<Case>>() {}.getType());
    }
  }

  private static InputStream resource(String name) {
    return Objects.requireNonNull(ChatEncoderTest.class.getResourceAsStream(name), name);
  }

  private Tokenizer tokenizer(String name, String config) throws IOException {
    Path own = Files.createDirectories(folder.resolve(name));
    Files.write(
        own.resolve("tokenizer.json"),
        resource("/golden-tokenizers/files/" + name + ".json").readAllBytes());
    Files.writeString(own.resolve("tokenizer_config.json"), config);
    return Tokenizer.load(own);
  }

  private Tokenizer tokenizer() throws IOException {
    Case first = cases().get(0);
    return tokenizer(first.tokenizer(), first.config().toString());
  }

  private static ConversationExample example() {
    return ConversationExample.of(
        Message.user("the cat"),
        Message.assistant("reads"),
        Message.user("the dog"),
        Message.assistant("wrote"));
  }

  private static String learned(Tokenizer tokenizer, EncodedExample example) {
    long[] labels =
        Arrays.stream(example.labels()).filter(id -> id != EncodedExample.IGNORED).toArray();
    return tokenizer.decode(labels, false);
  }

  @Test
  void idsAndMasksAreThoseOfTransformers() throws IOException {
    Map<String, Tokenizer> tokenizers = new LinkedHashMap<>();
    for (Case each : cases()) {
      Tokenizer tokenizer = tokenizers.get(each.tokenizer());
      if (tokenizer == null) {
        tokenizer = tokenizer(each.tokenizer(), each.config().toString());
        tokenizers.put(each.tokenizer(), tokenizer);
      }
      ChatTemplate template = ChatTemplate.of(each.template(), tokenizer.specialTokens());
      EncodedExample ours = new ChatEncoder(tokenizer, template, 1000).encode(each.example());
      long[] mask =
          Arrays.stream(ours.labels()).map(id -> id == EncodedExample.IGNORED ? 0 : 1).toArray();
      assertThat(ours.inputIds()).as(each.toString()).isEqualTo(each.ids());
      assertThat(mask).as(each.toString()).isEqualTo(each.mask());
    }
    tokenizers.values().forEach(Tokenizer::close);
    assertThat(tokenizers).hasSizeGreaterThan(4);
  }

  @Test
  void turnsAreFoundByPrefixes() throws IOException {
    try (Tokenizer tokenizer = tokenizer()) {
      ChatEncoder encoder = new ChatEncoder(tokenizer, ChatTemplate.of(TURNS, SPECIAL), 1000);
      String all = tokenizer.decode(encoder.trainOn(TrainOn.ALL).encode(example()).labels(), false);
      String assistant = learned(tokenizer, encoder.encode(example()));
      String last = learned(tokenizer, encoder.trainOn(TrainOn.LAST_TURN).encode(example()));
      ConversationExample prompted = new ConversationExample(example().conversation(), 3);
      assertThat(all).contains("the cat").contains("the dog");
      assertThat(assistant)
          .contains("reads")
          .contains("wrote")
          .doesNotContain("cat", "dog", "user");
      assertThat(last).contains("wrote").doesNotContain("reads");
      assertThat(learned(tokenizer, encoder.encode(prompted))).isEqualTo(last);
    }
  }

  @Test
  void aFirstMessageOfTheAssistantIsLearnedWithoutItsHeader() throws IOException {
    ConversationExample example =
        ConversationExample.of(
            Message.assistant("reads"), Message.user("the cat"), Message.assistant("wrote"));
    try (Tokenizer tokenizer = tokenizer()) {
      ChatTemplate template = ChatTemplate.of(TURNS, SPECIAL);
      RenderedChat whole = template.render(example.conversation(), ChatOptions.conversation());
      List<String> turns =
          new AssistantTurns(template, ChatOptions.conversation())
              .of(example, whole, TrainOn.ASSISTANT_TURNS).stream()
                  .map(turn -> whole.text().substring(turn.start(), turn.end()))
                  .toList();
      assertThat(turns).containsExactly("reads<|im_end|>\n", "wrote<|im_end|>\n");
      String learned =
          learned(tokenizer, new ChatEncoder(tokenizer, template, 1000).encode(example));
      assertThat(learned).contains("reads").doesNotContain("assistant", "im_start");
    }
    ChatTemplate silent = ChatTemplate.of("{% for m in messages %}x{% endfor %}", SPECIAL);
    RenderedChat whole = silent.render(example.conversation(), ChatOptions.conversation());
    assertThatThrownBy(
            () ->
                new AssistantTurns(silent, ChatOptions.conversation())
                    .of(example, whole, TrainOn.ASSISTANT_TURNS))
        .isInstanceOf(TemplateException.class)
        .hasMessageContaining("does not write the first message's content");
  }

  @Test
  void aPromptMayEndWithMoreLineBreaks() {
    ChatTemplate template = ChatTemplate.of(TURNS + "{{ '\n' }}", SPECIAL);
    RenderedChat whole = template.render(example().conversation(), ChatOptions.conversation());
    assertThat(
            new AssistantTurns(template, ChatOptions.conversation())
                .of(example(), whole, TrainOn.LAST_TURN).stream()
                    .map(turn -> whole.text().substring(turn.start(), turn.end())))
        .containsExactly("wrote<|im_end|>\n\n");
  }

  @Test
  void aTextHasOneBeginning() throws IOException {
    try (Tokenizer tokenizer = tokenizer()) {
      EncodedExample ours =
          new ChatEncoder(tokenizer, ChatTemplate.of(TURNS, SPECIAL), 1000).encode(example());
      long bos = tokenizer.bosId().orElseThrow();
      assertThat(Arrays.stream(ours.inputIds()).filter(id -> id == bos)).hasSize(1);
      assertThat(ours.inputIds()[0]).isEqualTo(bos);
    }
  }

  @Test
  void whatIsCutIsCounted() throws IOException {
    try (Tokenizer tokenizer = tokenizer()) {
      ChatEncoder whole = new ChatEncoder(tokenizer, ChatTemplate.of(TURNS, SPECIAL), 1000);
      int length = whole.encode(example()).length();
      EncodedExample cut =
          new ChatEncoder(tokenizer, whole.template(), length - 3).encode(example());
      assertThat(cut.length()).isEqualTo(length - 3);
      assertThat(cut.cut().tokens()).isEqualTo(3);
      assertThat(cut.cut().answer()).isPositive();
    }
  }

  @Test
  void aTemplateThatRewritesTurnsIsRefused() throws IOException {
    String rewriting =
        "{% for m in messages %}{{ m.role }}: {{ m.content if loop.last else '...' }}\n"
            + "{% endfor %}";
    try (Tokenizer tokenizer = tokenizer()) {
      ChatEncoder encoder = new ChatEncoder(tokenizer, ChatTemplate.of(rewriting, Map.of()), 1000);
      assertThatThrownBy(() -> encoder.encode(example()))
          .isInstanceOf(DataException.class)
          .hasCauseInstanceOf(TemplateException.class)
          .hasMessageContaining("the first 1 messages and the start of an answer otherwise")
          .hasMessageContaining("{% generation %}");
      assertThat(encoder.trainOn(TrainOn.ALL).encode(example()).length()).isPositive();
    }
  }

  @Test
  void theExampleThatATemplateRefusesIsNamed() throws IOException {
    String two =
        "{% if messages|length > 2 %}{{ raise_exception('two messages at most') }}{% endif %}";
    ConversationExample shorter =
        ConversationExample.of(Message.user("the cat"), Message.assistant("reads"));
    try (Tokenizer tokenizer = tokenizer()) {
      ChatEncoder encoder = new ChatEncoder(tokenizer, ChatTemplate.of(two + TURNS, SPECIAL), 1000);
      Dataset<ConversationExample> data = new Dataset<>(List.of(shorter, shorter, example()));
      assertThatThrownBy(() -> EncodedDataset.of(data, encoder))
          .isInstanceOf(DataException.class)
          .hasMessageStartingWith("example 2 (")
          .hasMessageContaining("line 1: two messages at most");
    }
  }

  @Test
  void aConversationWithoutAnAnswerIsRefused() throws IOException {
    try (Tokenizer tokenizer = tokenizer()) {
      ChatEncoder encoder = new ChatEncoder(tokenizer, ChatTemplate.of(TURNS, SPECIAL), 1000);
      ConversationExample question =
          new ConversationExample(Conversation.of(Message.user("the cat")));
      assertThatThrownBy(() -> encoder.encode(question))
          .isInstanceOf(DataException.class)
          .hasMessageContaining("no message has the role assistant");
      assertThatThrownBy(() -> encoder.trainOn(TrainOn.LAST_TURN).encode(question))
          .isInstanceOf(DataException.class)
          .hasMessageContaining("the last message has the role 'user'");
    }
  }

  @Test
  void theEndOfATurnIsTheTokenThatTheTemplateWrites() throws IOException {
    try (Tokenizer tokenizer = tokenizer()) {
      long end = tokenizer.encode("<|im_end|>", false)[0];
      assertThat(EndOfTurn.of(ChatTemplate.of(TURNS, SPECIAL), tokenizer)).hasValue(end);
      assertThat(EndOfTurn.of(ChatTemplate.of("{{ messages[1].content }}", SPECIAL), tokenizer))
          .isEmpty();
      assertThat(EndOfTurn.of(ChatTemplate.of("{{ raise_exception('x') }}", SPECIAL), tokenizer))
          .isEmpty();
    }
  }
}
