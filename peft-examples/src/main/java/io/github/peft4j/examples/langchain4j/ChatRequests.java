package io.github.peft4j.examples.langchain4j;

import dev.langchain4j.data.message.AiMessage;
import dev.langchain4j.data.message.ChatMessage;
import dev.langchain4j.data.message.Content;
import dev.langchain4j.data.message.SystemMessage;
import dev.langchain4j.data.message.TextContent;
import dev.langchain4j.data.message.UserMessage;
import dev.langchain4j.exception.UnsupportedFeatureException;
import dev.langchain4j.model.chat.request.ChatRequest;
import dev.langchain4j.model.chat.request.ResponseFormatType;
import dev.langchain4j.model.chat.response.ChatResponse;
import dev.langchain4j.model.output.FinishReason;
import dev.langchain4j.model.output.TokenUsage;
import io.github.peft4j.data.conversation.Conversation;
import io.github.peft4j.data.conversation.Message;
import io.github.peft4j.generate.Generation;
import io.github.peft4j.generate.GenerationConfig;
import java.util.List;
import java.util.Map;

/**
 * Requests of LangChain4j in the terms of peft4j, and answers in those of LangChain4j.
 *
 * <p>A request's messages are texts of the system, of users and of the model. Its parameters are
 * temperature, topP, topK, maxOutputTokens and stopSequences. Everything else is refused: a model
 * that passed over a tool or a format would answer a different question.
 */
final class ChatRequests {

  private ChatRequests() {}

  /**
   * The messages of a request.
   *
   * @throws UnsupportedFeatureException if one has other contents than texts, or is a tool's
   */
  static Conversation conversation(ChatRequest request) {
    return Conversation.of(request.messages().stream().map(ChatRequests::message).toList());
  }

  private static Message message(ChatMessage message) {
    if (message instanceof SystemMessage system) {
      return Message.system(system.text());
    }
    if (message instanceof UserMessage user) {
      Message said = Message.user("").with("content", content(user));
      return user.name() == null ? said : said.with("name", user.name());
    }
    if (message instanceof AiMessage ai) {
      return said(ai);
    }
    throw unsupported("a message of type " + message.type());
  }

  private static Message said(AiMessage ai) {
    refuse(ai.hasToolExecutionRequests(), "a message that calls tools");
    refuse(!ai.images().isEmpty(), "a message with images");
    Message said = Message.assistant(ai.text() == null ? "" : ai.text());
    return ai.thinking() == null ? said : said.with("reasoning_content", ai.thinking());
  }

  /** A text, or texts in the form that chat templates read. */
  private static Object content(UserMessage user) {
    List<String> texts = user.contents().stream().map(ChatRequests::text).toList();
    return texts.size() == 1
        ? texts.get(0)
        : texts.stream().map(text -> Map.of("type", "text", "text", text)).toList();
  }

  private static String text(Content content) {
    if (content instanceof TextContent text) {
      return text.text();
    }
    throw unsupported("a message with a content of type " + content.type());
  }

  /**
   * The settings of a request.
   *
   * @param config where the request has none
   * @throws UnsupportedFeatureException if the request has a parameter that is not understood
   */
  static GenerationConfig settings(ChatRequest request, GenerationConfig config) {
    refuse(request.modelName() != null, "modelName");
    refuse(request.frequencyPenalty() != null, "frequencyPenalty");
    refuse(request.presencePenalty() != null, "presencePenalty");
    refuse(!request.toolSpecifications().isEmpty(), "toolSpecifications");
    refuse(request.toolChoice() != null, "toolChoice");
    refuse(
        request.responseFormat() != null
            && request.responseFormat().type() != ResponseFormatType.TEXT,
        "responseFormat " + request.responseFormat());
    GenerationConfig settings = sampling(request, config);
    if (request.maxOutputTokens() != null) {
      settings = settings.maxNewTokens(request.maxOutputTokens());
    }
    return request
            .stopSequences()
            .isEmpty() // an empty list would replace that of the model's files
        ? settings
        : settings.stopAt(request.stopSequences().toArray(String[]::new));
  }

  /** A temperature above 0, topP and topK each ask for sampling; a temperature of 0 for none. */
  private static GenerationConfig sampling(ChatRequest request, GenerationConfig config) {
    GenerationConfig settings = config;
    if (request.topP() != null) {
      settings = settings.doSample(true).topP(request.topP());
    }
    if (request.topK() != null) {
      settings = settings.doSample(true).topK(request.topK());
    }
    return request.temperature() == null ? settings : settings.temperature(request.temperature());
  }

  /** The response with an answer. */
  static ChatResponse response(Generation answer) {
    return ChatResponse.builder()
        .aiMessage(AiMessage.from(answer.text()))
        .tokenUsage(new TokenUsage(answer.promptTokens(), answer.newTokens()))
        .finishReason(
            switch (answer.finishReason()) {
              case STOP_TOKEN, STOP_STRING -> FinishReason.STOP;
              case MAX_NEW_TOKENS, MAX_POSITIONS -> FinishReason.LENGTH;
              case STOPPING_CRITERION -> FinishReason.OTHER;
            })
        .build();
  }

  private static void refuse(boolean given, String what) {
    if (given) {
      throw unsupported(what);
    }
  }

  private static UnsupportedFeatureException unsupported(String what) {
    return new UnsupportedFeatureException(
        what
            + " is not supported: a model of peft4j takes texts of the system, of users and of the"
            + " model, with temperature, topP, topK, maxOutputTokens and stopSequences");
  }
}
