package io.github.peft4j.examples.langchain4j;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.langchain4j.data.message.ChatMessage;
import dev.langchain4j.data.message.UserMessage;
import dev.langchain4j.exception.UnsupportedFeatureException;
import dev.langchain4j.memory.chat.MessageWindowChatMemory;
import dev.langchain4j.model.chat.request.ChatRequest;
import dev.langchain4j.model.chat.request.ResponseFormat;
import dev.langchain4j.model.chat.response.ChatResponse;
import dev.langchain4j.model.chat.response.PartialResponse;
import dev.langchain4j.model.chat.response.PartialResponseContext;
import dev.langchain4j.model.chat.response.StreamingChatResponseHandler;
import dev.langchain4j.model.output.FinishReason;
import dev.langchain4j.service.AiServices;
import dev.langchain4j.service.SystemMessage;
import io.github.peft4j.Peft;
import io.github.peft4j.PeftModel;
import io.github.peft4j.data.conversation.Conversation;
import io.github.peft4j.data.conversation.Message;
import io.github.peft4j.generate.Generation;
import io.github.peft4j.generate.GenerationConfig;
import io.github.peft4j.pretrained.MiniLm;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.Callable;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.Future;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;

/** The chat models of LangChain4j over a tiny model with a chat template. */
class PeftChatModelTest {

  private static final String FOLDER = "../peft-methods/src/test/resources/golden-chat-training";
  private static final GenerationConfig CONFIG =
      GenerationConfig.sampling(0.7).seed(3).maxNewTokens(12);
  private static final Conversation QUESTION = Conversation.of(Message.user("Who sat?"));
  private static final ChatRequest REQUEST =
      ChatRequest.builder().messages(UserMessage.from("Who sat?")).build();

  private static PeftModel model;

  @BeforeAll
  static void load() {
    model = Peft.load(FOLDER);
  }

  @AfterAll
  static void close() {
    model.close();
  }

  /** What a service of LangChain4j is declared as. */
  public interface Friend {
    /** Answers. */
    @SystemMessage("Be brief.")
    String answer(String question);
  }

  /** Notes what it gets. */
  private static class Notes implements StreamingChatResponseHandler {
    final List<String> texts = new ArrayList<>();
    final List<ChatResponse> responses = new ArrayList<>();
    final List<Throwable> errors = new ArrayList<>();

    @Override
    public void onPartialResponse(String text) {
      texts.add(text);
    }

    @Override
    public void onCompleteResponse(ChatResponse response) {
      responses.add(response);
    }

    @Override
    public void onError(Throwable error) {
      errors.add(error);
    }
  }

  @Test
  void answersAsTheModelDoes() {
    Generation answer = model.chat(QUESTION, CONFIG);

    ChatResponse response = new PeftChatModel(model, CONFIG).chat(REQUEST);

    assertThat(answer.text()).isNotBlank();
    assertThat(response.aiMessage().text()).isEqualTo(answer.text());
    assertThat(response.tokenUsage().inputTokenCount()).isEqualTo(answer.promptTokens());
    assertThat(response.tokenUsage().outputTokenCount()).isEqualTo(answer.newTokens());
  }

  @Test
  void parametersOfTheRequestCount() {
    PeftChatModel chat = new PeftChatModel(model, CONFIG);
    String text = model.chat(QUESTION, CONFIG).text();
    String stop = text.substring(text.length() / 2, text.length() / 2 + 2);

    ChatResponse few =
        chat.chat(ChatRequest.builder().messages(REQUEST.messages()).maxOutputTokens(2).build());
    ChatResponse stopped =
        chat.chat(
            ChatRequest.builder()
                .messages(REQUEST.messages())
                .stopSequences(List.of(stop))
                .build());

    assertThat(few.tokenUsage().outputTokenCount()).isEqualTo(2);
    assertThat(few.finishReason()).isEqualTo(FinishReason.LENGTH);
    assertThat(stopped.finishReason()).isEqualTo(FinishReason.STOP);
    assertThat(stopped.aiMessage().text()).isEqualTo(text.substring(0, text.indexOf(stop)));
  }

  @Test
  void aViewAnswersWithItsAdapters() {
    try (PeftModel adapted = Peft.load(FOLDER)) {
      adapted.loadAdapter("trained", java.nio.file.Path.of(FOLDER, "adapter"));
      Generation theirs = adapted.using("trained").chat(QUESTION, CONFIG);
      adapted.disable();

      ChatResponse response = new PeftChatModel(adapted.using("trained"), CONFIG).chat(REQUEST);

      assertThat(response.aiMessage().text()).isEqualTo(theirs.text());
    }
  }

  @Test
  void aServiceRemembersTheConversation() {
    Friend friend =
        AiServices.builder(Friend.class)
            .chatModel(new PeftChatModel(model, CONFIG))
            .chatMemory(MessageWindowChatMemory.withMaxMessages(10))
            .build();

    String first = friend.answer("Who sat?");
    String second = friend.answer("And who ran?");

    Conversation begun = Conversation.of(Message.system("Be brief."), Message.user("Who sat?"));
    assertThat(first).isEqualTo(model.chat(begun, CONFIG).text());
    assertThat(second)
        .isEqualTo(
            model
                .chat(begun.and(Message.assistant(first), Message.user("And who ran?")), CONFIG)
                .text());
  }

  @Test
  void threadsShareAModel() throws Exception {
    PeftChatModel chat = new PeftChatModel(model, CONFIG);
    ExecutorService threads = Executors.newFixedThreadPool(4);
    try {
      List<Callable<String>> calls = new ArrayList<>();
      for (int i = 0; i < 12; i++) {
        String question = i % 2 == 0 ? "Who sat?" : "Where is the cat?";
        calls.add(() -> chat.chat(question));
      }
      List<String> answers = new ArrayList<>();
      for (Future<String> answer : threads.invokeAll(calls)) {
        answers.add(answer.get());
      }
      for (int i = 0; i < answers.size(); i++) {
        assertThat(answers.get(i)).isEqualTo(answers.get(i % 2));
      }
      assertThat(answers.get(0)).isEqualTo(chat.chat("Who sat?"));
      assertThat(answers.get(1)).isEqualTo(chat.chat("Where is the cat?"));
    } finally {
      threads.shutdownNow();
    }
  }

  @Test
  void theStreamHasTheWholeAnswer() {
    Notes notes = new Notes();
    List<Runnable> tasks = new ArrayList<>();

    new PeftStreamingChatModel(model, CONFIG, tasks::add).chat(REQUEST, notes);

    assertThat(notes.responses).isEmpty();
    tasks.forEach(Runnable::run);
    ChatResponse whole = new PeftChatModel(model, CONFIG).chat(REQUEST);
    assertThat(notes.texts).hasSizeGreaterThan(1);
    assertThat(String.join("", notes.texts)).isEqualTo(whole.aiMessage().text());
    assertThat(notes.responses).containsExactly(whole);
    assertThat(notes.errors).isEmpty();
  }

  @Test
  void aHandlerThatFailsEndsTheGeneration() {
    IllegalStateException failure = new IllegalStateException("no");
    Notes notes =
        new Notes() {
          @Override
          public void onPartialResponse(String text) {
            super.onPartialResponse(text);
            throw failure;
          }
        };

    new PeftStreamingChatModel(model, CONFIG, Runnable::run).chat(REQUEST, notes);

    assertThat(notes.texts).hasSize(1);
    assertThat(notes.errors).containsExactly(failure);
    assertThat(notes.responses).isEmpty();
  }

  @Test
  void aGenerationThatIsCancelledIsSilent() {
    Notes notes =
        new Notes() {
          @Override
          public void onPartialResponse(PartialResponse text, PartialResponseContext context) {
            texts.add(text.text());
            context.streamingHandle().cancel();
          }
        };

    new PeftStreamingChatModel(model, CONFIG, Runnable::run).chat(REQUEST, notes);

    assertThat(notes.texts).hasSize(1);
    assertThat(notes.errors).isEmpty();
    assertThat(notes.responses).isEmpty();
  }

  @Test
  void refusalsComeToTheCaller() {
    List<ChatMessage> messages = REQUEST.messages();
    ChatRequest json =
        ChatRequest.builder().messages(messages).responseFormat(ResponseFormat.JSON).build();

    assertThatThrownBy(() -> new PeftChatModel(model, CONFIG).chat(json))
        .isInstanceOf(UnsupportedFeatureException.class);
    assertThatThrownBy(
            () -> new PeftStreamingChatModel(model, CONFIG, Runnable::run).chat(json, new Notes()))
        .isInstanceOf(UnsupportedFeatureException.class);
    try (PeftModel encoder = MiniLm.embedder()) {
      assertThatThrownBy(() -> new PeftChatModel(encoder))
          .isInstanceOf(IllegalArgumentException.class)
          .hasMessageContaining("does not chat");
    }
  }
}
