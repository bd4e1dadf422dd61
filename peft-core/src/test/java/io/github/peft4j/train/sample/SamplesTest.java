package io.github.peft4j.train.sample;

import static org.assertj.core.api.Assertions.assertThat;

import ai.djl.Device;
import io.github.peft4j.Peft;
import io.github.peft4j.PeftModel;
import io.github.peft4j.data.AnchorExample;
import io.github.peft4j.data.Example;
import io.github.peft4j.data.Examples;
import io.github.peft4j.data.GoldenTokenizers;
import io.github.peft4j.data.MultiLabelExample;
import io.github.peft4j.data.PreferenceExample;
import io.github.peft4j.data.QuestionExample;
import io.github.peft4j.data.RegressionExample;
import io.github.peft4j.data.ScoredPair;
import io.github.peft4j.data.TextExample;
import io.github.peft4j.data.TextPair;
import io.github.peft4j.data.TokensExample;
import io.github.peft4j.data.conversation.Conversation;
import io.github.peft4j.data.conversation.ConversationExample;
import io.github.peft4j.data.conversation.ConversationPreference;
import io.github.peft4j.data.conversation.Message;
import io.github.peft4j.generate.GenerationConfig;
import io.github.peft4j.toy.TinyLlama;
import io.github.peft4j.train.Samples;
import io.github.peft4j.train.report.MarkedText.Mark;
import io.github.peft4j.train.report.Sample;
import io.github.peft4j.transformer.config.Task;
import io.github.peft4j.translate.Answer;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardCopyOption;
import java.util.List;
import java.util.Locale;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** Each kind of example has a sample, which is what the model's own verbs say. */
class SamplesTest {

  private static final GenerationConfig SHORT = GenerationConfig.greedy().maxNewTokens(128);

  @TempDir private static Path folder;

  @BeforeAll
  static void write() throws IOException {
    TinyLlama.write(folder);
    Files.writeString(
        folder.resolve("chat_template.jinja"),
        "{% for m in messages %}{{ m.content }} {% endfor %}");
  }

  private static PeftModel loaded(Task task) {
    return Peft.from(folder).task(task).device(Device.cpu()).load();
  }

  private static Sample one(PeftModel model, Example... examples) {
    List<Sample> samples = Samples.of(model, Examples.of(List.of(examples)), 1);
    assertThat(samples).hasSize(1);
    return samples.get(0);
  }

  private static String number(double value) {
    return String.format(Locale.ROOT, "%.3f", value);
  }

  @Test
  void severalLabelsAreListedInTheModelsOrder() {
    try (PeftModel model = loaded(Task.multiLabel("new", "old", "blue"))) {
      Sample sample = one(model, new MultiLabelExample("a b", List.of("blue", "new")));
      List<String> labels = model.scorer().labels("a b");
      assertThat(sample.expected().text()).isEqualTo("new, blue");
      assertThat(sample.predicted().text())
          .isEqualTo(labels.isEmpty() ? "none" : String.join(", ", labels));
      assertThat(one(model, new MultiLabelExample("a b", List.of())).expected().text())
          .isEqualTo("none");
    }
  }

  @Test
  void numbersAreNotWrong() {
    try (PeftModel model = loaded(Task.regression())) {
      Sample sample = one(model, new RegressionExample("a", "b c", 2));
      assertThat(sample.input().text()).isEqualTo("a\nb c");
      assertThat(sample.expected().text()).isEqualTo("2.000");
      assertThat(sample.predicted().text())
          .isEqualTo(number(model.score(new TextPair("a", "b c"))));
      assertThat(sample.differs()).isFalse();
    }
  }

  @Test
  void entitiesAreMarked() {
    try (PeftModel model = loaded(Task.tokenClassification(List.of("O", "B-X", "I-X", "B-Y")))) {
      List<String> words = List.of("a", "b", "c", "d");
      Sample sample = one(model, new TokensExample(words, List.of("B-X", "I-X", "O", "B-Y")));
      assertThat(sample.expected().marks())
          .containsExactly(new Mark(0, 3, "X"), new Mark(6, 7, "Y"));
      Sample right = one(model, new TokensExample(words, model.tagWords(words)));
      assertThat(right.differs()).isFalse();
      assertThat(right.predicted()).isEqualTo(right.expected());
      assertThat(right.predicted()).isEqualTo(sample.predicted());
    }
  }

  @Test
  void answersAreMarkedInTheText() {
    String context = "c d a b c ".repeat(60);
    try (PeftModel model = loaded(Task.questionAnswering())) {
      Sample sample = one(model, new QuestionExample("a b", context, "d a", 302));
      Mark right = sample.expected().marks().get(0);
      assertThat(sample.expected().text().substring(right.start(), right.end())).isEqualTo("d a");
      assertThat(sample.expected().text()).startsWith("… ").endsWith(" …").hasSize(2 * 152 + 3);
      Answer answer = model.answer("a b", context);
      Mark found = sample.predicted().marks().get(0);
      assertThat(sample.predicted().text().substring(found.start(), found.end()))
          .isEqualTo(answer.text().strip());
      assertThat(sample.differs()).isEqualTo(!answer.text().strip().equals("d a"));
      assertThat(one(model, new QuestionExample("a", "b c", List.of())).expected().text())
          .isEqualTo("no answer");
    }
  }

  @Test
  void textsAreContinued() {
    try (PeftModel model = Peft.from(folder).device(Device.cpu()).load()) {
      Sample text = one(model, new TextExample(" a b\nc d a "));
      assertThat(text.input().text()).isEqualTo("a b c");
      assertThat(text.expected().text()).isEqualTo("d a");
      assertThat(text.predicted().text()).isEqualTo(model.generate("a b c", SHORT).text());
      Sample better = one(model, new PreferenceExample("a", "b", "c"));
      assertThat(better.expected().text()).isEqualTo("better: b\n\nworse: c");
      assertThat(better.predicted().text()).isEqualTo(model.generate("a", SHORT).text());
    }
  }

  @Test
  void theLastTurnOfAConversationIsAnswered() {
    try (PeftModel model = Peft.from(folder).device(Device.cpu()).load()) {
      Conversation chat =
          Conversation.of(
              Message.user("a"), Message.assistant("b"), Message.user("c"), Message.assistant("d"));
      Sample sample = one(model, new ConversationExample(chat.and(Message.user("a"))));
      assertThat(sample.input().text()).isEqualTo("user: a\nassistant: b\nuser: c");
      assertThat(sample.expected().text()).isEqualTo("d");
      assertThat(sample.predicted().text()).isEqualTo(model.chat(chat.first(3), SHORT).text());
      assertThat(sample.differs()).isFalse();
      assertThat(one(model, ConversationExample.of(Message.user("a"))).predicted().text())
          .contains("no message of the assistant");
      Sample pair =
          one(
              model,
              new ConversationPreference(
                  chat.first(1), List.of(Message.assistant("b")), List.of(Message.user("c"))));
      assertThat(pair.expected().text()).isEqualTo("better: assistant: b\n\nworse: user: c");
    }
  }

  @Test
  void vectorsHaveNeighbours() {
    try (PeftModel model = loaded(Task.featureExtraction())) {
      Sample pair = one(model, new ScoredPair("a b", "a b", 1));
      assertThat(pair.predicted().text()).isEqualTo("1.000");
      assertThat(pair.expected().text()).isEqualTo("1.000");
      Sample near =
          one(model, AnchorExample.of("a b", "a b a", "d d"), AnchorExample.of("c", "a  b", "d c"));
      assertThat(near.predicted().text().lines()).hasSize(3);
      assertThat(near.predicted().text()).contains(" (0.");
      assertThat(near.differs()).isEqualTo(!near.predicted().text().startsWith("a b a ("));
    }
  }

  @Test
  void aWordIsMasked() throws IOException {
    Path copy = Files.createDirectories(folder.resolve("filler"));
    GoldenTokenizers.write("bert.json", copy);
    for (String file : List.of("config.json", "model.safetensors")) {
      Files.copy(
          GoldenTokenizers.resources("golden-tasks/filler-bert").resolve(file),
          copy.resolve(file),
          StandardCopyOption.REPLACE_EXISTING);
    }
    try (PeftModel model = Peft.from(copy).device(Device.cpu()).load()) {
      Sample sample = one(model, new TextExample("the cat on the mat"));
      assertThat(sample.input().text()).contains("[MASK]");
      assertThat(sample.input().text().replace("[MASK]", sample.expected().text()))
          .isEqualTo("the cat on the mat");
      assertThat(sample.predicted().text())
          .startsWith(model.fillMask(sample.input().text()).get(0).token() + " (");
      Sample longer = one(model, new TextExample("the cat ".repeat(200)));
      assertThat(longer.input().text().split(" ")).hasSizeLessThanOrEqualTo(60);
    }
  }
}
