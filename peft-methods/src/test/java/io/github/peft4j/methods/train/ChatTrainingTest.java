package io.github.peft4j.methods.train;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.assertj.core.api.Assertions.within;

import ai.djl.Device;
import com.google.gson.JsonArray;
import com.google.gson.JsonElement;
import com.google.gson.JsonObject;
import com.google.gson.JsonParser;
import io.github.peft4j.Peft;
import io.github.peft4j.PeftModel;
import io.github.peft4j.chat.TemplateException;
import io.github.peft4j.chat.TrainOn;
import io.github.peft4j.data.DataException;
import io.github.peft4j.data.Example;
import io.github.peft4j.data.Examples;
import io.github.peft4j.data.TextExample;
import io.github.peft4j.data.conversation.Conversation;
import io.github.peft4j.data.conversation.ConversationExample;
import io.github.peft4j.data.conversation.Message;
import io.github.peft4j.generate.FinishReason;
import io.github.peft4j.generate.Generation;
import io.github.peft4j.generate.GenerationConfig;
import io.github.peft4j.kernel.Precision;
import io.github.peft4j.methods.Logged;
import io.github.peft4j.methods.lora.LoraConfig;
import io.github.peft4j.train.FineTuner;
import io.github.peft4j.train.TrainingReport;
import io.github.peft4j.train.report.DataCounts;
import java.io.IOException;
import java.net.URISyntaxException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Objects;
import java.util.stream.IntStream;
import java.util.stream.Stream;
import org.junit.jupiter.api.Assumptions;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** Training on conversations. golden-chat-training/make_chats.py makes TRL's losses. */
class ChatTrainingTest {

  private static final String TURNS =
      "{{ bos_token }}{% for m in messages %}{{ m.role }}: {{ m.content + eos_token }}{% endfor %}"
          + "{% if add_generation_prompt %}assistant:{% endif %}";

  @TempDir private Path folder;

  private static Path golden() {
    try {
      return Path.of(
          Objects.requireNonNull(ChatTrainingTest.class.getResource("/golden-chat-training"))
              .toURI());
    } catch (URISyntaxException e) {
      throw new IllegalStateException(e);
    }
  }

  private static JsonObject losses() throws IOException {
    return JsonParser.parseString(Files.readString(golden().resolve("losses.json")))
        .getAsJsonObject();
  }

  private static PeftModel tiny() {
    return Peft.from(golden())
        .device(Device.cpu())
        .precision(Precision.FLOAT32)
        .load()
        .loadAdapter(PeftModel.DEFAULT, golden().resolve("adapter"));
  }

  /** The golden's conversations; of the last turn only, the others are its prompt. */
  private static List<ConversationExample> chats(boolean lastOnly) throws IOException {
    List<ConversationExample> chats = new ArrayList<>();
    for (JsonElement chat : losses().getAsJsonArray("chats")) {
      List<Message> messages = new ArrayList<>();
      for (JsonElement each : chat.getAsJsonArray()) {
        JsonObject message = each.getAsJsonObject();
        messages.add(
            Message.of(message.get("role").getAsString(), message.get("content").getAsString()));
      }
      chats.add(
          new ConversationExample(
              Conversation.of(messages.toArray(Message[]::new)),
              lastOnly ? messages.size() - 1 : 0));
    }
    return chats;
  }

  private static FineTuner tuner(PeftModel model, List<? extends Example> examples) {
    return FineTuner.of(model)
        .on(Examples.of(new ArrayList<Example>(examples)))
        .batchSize(examples.size())
        .steps(5)
        .maxLength(128)
        .learningRate(0.01)
        .weightDecay(0)
        .constant()
        .quiet();
  }

  private static void check(TrainingReport report, JsonArray expected) {
    assertThat(report.losses()).hasSize(5);
    for (int i = 0; i < 5; i++) {
      assertThat(report.losses().get(i))
          .as("step %d", i + 1)
          .isCloseTo(expected.get(i).getAsDouble(), within(1e-5));
    }
  }

  @Test
  void theAssistantsTurnsAreLearnedAsInTrl() throws IOException {
    for (boolean packing : new boolean[] {false, true}) {
      try (PeftModel model = tiny()) {
        TrainingReport report = tuner(model, chats(false)).packing(packing).run();
        check(report, losses().getAsJsonArray("assistant"));
        assertThat(report.data().withoutLabels()).isZero();
        assertThat(report.data().rows()).isEqualTo(packing ? 2 : 3);
      }
    }
  }

  @Test
  void allTokensAreLearnedAsInTrl() throws IOException {
    try (PeftModel model = tiny()) {
      check(tuner(model, chats(false)).trainOn(TrainOn.ALL).run(), losses().getAsJsonArray("all"));
    }
  }

  @Test
  void lastTurnsAreLearnedAsTrlsCompletions() throws IOException {
    JsonArray expected = losses().getAsJsonArray("completion");
    try (PeftModel model = tiny()) {
      check(tuner(model, chats(false)).trainOn(TrainOn.LAST_TURN).run(), expected);
    }
    try (PeftModel model = tiny()) {
      check(tuner(model, chats(true)).run(), expected);
    }
  }

  @Test
  void whatCountsIsPartOfTheRun() throws IOException {
    List<ConversationExample> chats = chats(false);
    Path run = folder.resolve("run");
    try (PeftModel model = tiny()) {
      tuner(model, chats).steps(1).checkpointTo(run).run();
    }
    try (PeftModel model = tiny()) {
      assertThatThrownBy(() -> tuner(model, chats).trainOn(TrainOn.ALL).checkpointTo(run).run())
          .isInstanceOf(IllegalArgumentException.class)
          .hasMessageContaining("trained on all");
    }
    try (PeftModel model = tiny()) { // the default is not another run
      tuner(model, chats).steps(2).trainOn(TrainOn.ASSISTANT_TURNS).checkpointTo(run).run();
    }
  }

  @Test
  void trainOnWithoutConversationsIsRefused() {
    try (PeftModel model = tiny()) {
      assertThatThrownBy(
              () -> tuner(model, List.of(new TextExample("The cat"))).trainOn(TrainOn.ALL).run())
          .isInstanceOf(IllegalArgumentException.class)
          .hasMessageStartingWith("trainOn chooses parts of conversations, but the examples are")
          .hasMessageContaining("TextExample");
    }
  }

  @Test
  void anErrorOfTheTemplateIsSaidOfItsFileAndARefusalOfItsExample() throws IOException {
    List<ConversationExample> chats =
        List.of(
            ConversationExample.of(Message.user("Who?"), Message.assistant("The dog")),
            ConversationExample.of(Message.of("poet", "Who?"), Message.assistant("The cat")));
    Path model = copy(golden(), "broken");
    Path template = model.resolve("chat_template.jinja");
    Files.writeString(template, TURNS + "\n{% while true %}");
    try (PeftModel broken = Peft.load(model.toString())) {
      assertThatThrownBy(() -> tuner(broken.adapt(LoraConfig.ofRank(2)), chats).run())
          .isInstanceOf(TemplateException.class)
          .hasMessageStartingWith(template + ", line 2: ");
    }
    Files.writeString(
        template,
        "{% for m in messages %}{% if m.role == 'poet' %}{{ raise_exception('no poets') }}"
            + "{% endif %}{{ m.role }}: {{ m.content }}\n{% endfor %}");
    try (PeftModel choosy = Peft.load(model.toString())) {
      assertThatThrownBy(() -> tuner(choosy.adapt(LoraConfig.ofRank(2)), chats).run())
          .isInstanceOf(DataException.class)
          .hasMessageStartingWith("example 1 ('{\"messages\":")
          .hasMessageContaining(template + ", line 1: no poets");
    }
  }

  private Path copy(Path model, String name) throws IOException {
    Path copy = Files.createDirectory(folder.resolve(name));
    try (Stream<Path> files = Files.list(model)) {
      for (Path file : files.filter(Files::isRegularFile).toList()) {
        Files.copy(file, copy.resolve(file.getFileName()));
      }
    }
    return copy;
  }

  @Test
  void aConversationThatLosesItsAnswersIsCounted() {
    ConversationExample lengthy =
        ConversationExample.of(Message.user("the cat ".repeat(20)), Message.assistant("sat"));
    ConversationExample good =
        ConversationExample.of(Message.user("Who?"), Message.assistant("The dog"));
    try (PeftModel model = tiny()) {
      List<TrainingReport> reports = new ArrayList<>();
      String log =
          Logged.by(() -> reports.add(tuner(model, List.of(lengthy, good)).maxLength(24).run()));
      DataCounts counts = reports.get(0).data();
      assertThat(counts.examples()).isEqualTo(2);
      assertThat(counts.withoutLabels()).isEqualTo(1);
      assertThat(reports.get(0).truncated().isNone()).isFalse();
      assertThat(log).contains("1 have no label that counts");
    }
  }

  /**
   * stories260K with a template of our own, in which every turn ends with the end of text. The
   * model has no vector of that token to begin with, so that it is trained, too.
   */
  private PeftModel stories() throws IOException {
    Path shared =
        Path.of(System.getProperty("peft4j.shared", "../shared")).resolve("models/stories260K");
    if (!Files.exists(shared)) {
      System.err.println("SKIPPED: no models/stories260K. Set -Dpeft4j.shared to its folder");
      Assumptions.abort("no " + shared);
    }
    Path copy = copy(shared, "stories");
    Files.writeString(copy.resolve("chat_template.jinja"), TURNS);
    PeftModel model = Peft.load(copy.toString());
    return model.adapt(
        LoraConfig.ofRank(16)
            .loraAlpha(32)
            .targetModules("all-linear")
            .trainableTokenIndices((int) model.tokenizer().eosId().orElseThrow()));
  }

  @Test
  void aTrainedModelChatsAndStopsAtTheEndOfItsTurn() throws IOException {
    try (PeftModel model = Peft.load(golden().toString())) {
      int[] all = IntStream.range(0, model.tokenizer().vocabularySize()).toArray();
      model.adapt(
          LoraConfig.ofRank(8)
              .loraAlpha(16)
              .targetModules("all-linear")
              .trainableTokenIndices(all)); // random ones are too short for a small loss
      learnsToChat(model);
    }
  }

  @Test
  void aModelOfStoriesLearnsToChat() throws IOException {
    try (PeftModel model = stories()) {
      learnsToChat(model);
    }
  }

  private static void learnsToChat(PeftModel model) {
    ConversationExample chat =
        ConversationExample.of(
            Message.user("Who is it?"),
            Message.assistant("A little dog."),
            Message.user("What does it do?"),
            Message.assistant("It plays in the park."));
    GenerationConfig config = GenerationConfig.greedy().maxNewTokens(40);
    TrainingReport report = tuner(model, List.of(chat, chat)).steps(200).learningRate(5e-3).run();
    assertThat(report.finalLoss()).isLessThan(0.1).isLessThan(report.losses().get(0) / 10);

    StringBuilder streamed = new StringBuilder();
    Generation first =
        model.chat(Conversation.of(Message.user("Who is it?")), config, streamed::append);
    Generation second =
        model.chat(
            Conversation.of(
                Message.user("Who is it?"),
                Message.assistant(first.text().strip()),
                Message.user("What does it do?")),
            config);

    assertThat(first.text().strip()).isEqualTo("A little dog.");
    assertThat(streamed).hasToString(first.text());
    assertThat(second.text().strip()).isEqualTo("It plays in the park.");
    assertThat(List.of(first.finishReason(), second.finishReason()))
        .containsOnly(FinishReason.STOP_TOKEN);
  }
}
