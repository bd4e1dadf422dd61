package io.github.peft4j.examples.langchain4j;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.langchain4j.agent.tool.ToolExecutionRequest;
import dev.langchain4j.agent.tool.ToolSpecification;
import dev.langchain4j.data.message.AiMessage;
import dev.langchain4j.data.message.ChatMessage;
import dev.langchain4j.data.message.ImageContent;
import dev.langchain4j.data.message.SystemMessage;
import dev.langchain4j.data.message.TextContent;
import dev.langchain4j.data.message.ToolExecutionResultMessage;
import dev.langchain4j.data.message.UserMessage;
import dev.langchain4j.exception.UnsupportedFeatureException;
import dev.langchain4j.model.chat.request.ChatRequest;
import dev.langchain4j.model.chat.request.ResponseFormat;
import dev.langchain4j.model.output.FinishReason;
import dev.langchain4j.model.output.TokenUsage;
import io.github.peft4j.data.conversation.Conversation;
import io.github.peft4j.data.conversation.Message;
import io.github.peft4j.generate.Generation;
import io.github.peft4j.generate.GenerationConfig;
import java.time.Duration;
import java.util.List;
import java.util.Map;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.Arguments;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.MethodSource;

class ChatRequestsTest {

  private static final GenerationConfig GREEDY = GenerationConfig.greedy();

  private static ChatRequest.Builder request(ChatMessage... messages) {
    return ChatRequest.builder()
        .messages(messages.length == 0 ? List.of(UserMessage.from("Hi")) : List.of(messages));
  }

  @Test
  void messagesBecomeAConversation() {
    ChatRequest request =
        request(
                SystemMessage.from("Be brief."),
                UserMessage.from("Ann", "Name a colour."),
                AiMessage.builder().text("Blue.").thinking("Any will do.").build(),
                UserMessage.from(TextContent.from("And"), TextContent.from("another?")))
            .build();

    assertThat(ChatRequests.conversation(request))
        .isEqualTo(
            Conversation.of(
                Message.system("Be brief."),
                Message.user("Name a colour.").with("name", "Ann"),
                Message.assistant("Blue.").with("reasoning_content", "Any will do."),
                Message.user("")
                    .with(
                        "content",
                        List.of(
                            Map.of("type", "text", "text", "And"),
                            Map.of("type", "text", "text", "another?")))));
  }

  @Test
  void parametersBecomeSettings() {
    ChatRequest request =
        request()
            .temperature(0.5)
            .topP(0.9)
            .topK(7)
            .maxOutputTokens(12)
            .stopSequences(List.of("\n", "END"))
            .build();

    assertThat(ChatRequests.settings(request, GREEDY))
        .isEqualTo(GREEDY.temperature(0.5).topP(0.9).topK(7).maxNewTokens(12).stopAt("\n", "END"));
  }

  @Test
  void whatARequestLacksIsThatOfTheConfig() {
    GenerationConfig config = GenerationConfig.sampling(0.7).maxNewTokens(9).stopAt("STOP");

    assertThat(ChatRequests.settings(request().build(), config)).isEqualTo(config);
    assertThat(ChatRequests.settings(request().stopSequences(List.of("END")).build(), config))
        .isEqualTo(config.stopAt("END"));
  }

  @Test
  void whatOnlySamplingHasAsksForSampling() {
    assertThat(ChatRequests.settings(request().topP(0.9).build(), GREEDY))
        .isEqualTo(GREEDY.doSample(true).topP(0.9));
    assertThat(ChatRequests.settings(request().temperature(0.0).topK(4).build(), GREEDY))
        .isEqualTo(GREEDY.topK(4));
  }

  static Stream<Arguments> whatIsRefused() {
    ToolExecutionRequest call =
        ToolExecutionRequest.builder().id("1").name("weather").arguments("{}").build();
    return Stream.of(
        Arguments.of("calls tools", request(UserMessage.from("Hi"), AiMessage.from(call))),
        Arguments.of(
            "TOOL_EXECUTION_RESULT",
            request(UserMessage.from("Hi"), ToolExecutionResultMessage.from(call, "18 degrees"))),
        Arguments.of("IMAGE", request(UserMessage.from(ImageContent.from("http://x/y.png")))),
        Arguments.of("modelName", request().modelName("other")),
        Arguments.of("frequencyPenalty", request().frequencyPenalty(0.1)),
        Arguments.of("presencePenalty", request().presencePenalty(0.1)),
        Arguments.of(
            "toolSpecifications",
            request().toolSpecifications(ToolSpecification.builder().name("weather").build())),
        Arguments.of("responseFormat", request().responseFormat(ResponseFormat.JSON)));
  }

  @ParameterizedTest
  @MethodSource("whatIsRefused")
  void whatCannotBeDoneIsRefusedByName(String name, ChatRequest.Builder builder) {
    ChatRequest request = builder.build();

    assertThatThrownBy(
            () -> {
              ChatRequests.conversation(request);
              ChatRequests.settings(request, GREEDY);
            })
        .isInstanceOf(UnsupportedFeatureException.class)
        .hasMessageContaining(name)
        .hasMessageContaining("is not supported");
  }

  @Test
  void aFormatOfTextIsNoFormat() {
    ChatRequest request = request().responseFormat(ResponseFormat.TEXT).build();

    assertThat(ChatRequests.settings(request, GREEDY)).isEqualTo(GREEDY);
  }

  @Test
  void withoutStopSequencesThoseOfTheModelsFilesCount() {
    GenerationConfig config = GenerationConfig.recommended();

    assertThat(ChatRequests.settings(request().build(), config)).isEqualTo(config);
  }

  @ParameterizedTest
  @CsvSource({
    "STOP_TOKEN, STOP",
    "STOP_STRING, STOP",
    "MAX_NEW_TOKENS, LENGTH",
    "MAX_POSITIONS, LENGTH",
    "STOPPING_CRITERION, OTHER"
  })
  void theResponseHasUsageAndReason(
      io.github.peft4j.generate.FinishReason ours, FinishReason theirs) {
    Generation answer = new Generation("Blue.", new long[] {1, 2, 3}, ours, 11, Duration.ZERO);

    assertThat(ChatRequests.response(answer))
        .satisfies(
            response -> {
              assertThat(response.aiMessage().text()).isEqualTo("Blue.");
              assertThat(response.tokenUsage()).isEqualTo(new TokenUsage(11, 3, 14));
              assertThat(response.finishReason()).isEqualTo(theirs);
            });
  }
}
