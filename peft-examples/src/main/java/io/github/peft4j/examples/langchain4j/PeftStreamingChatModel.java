package io.github.peft4j.examples.langchain4j;

import dev.langchain4j.model.chat.StreamingChatModel;
import dev.langchain4j.model.chat.request.ChatRequest;
import dev.langchain4j.model.chat.response.PartialResponse;
import dev.langchain4j.model.chat.response.PartialResponseContext;
import dev.langchain4j.model.chat.response.StreamingChatResponseHandler;
import dev.langchain4j.model.chat.response.StreamingHandle;
import io.github.peft4j.TextModel;
import io.github.peft4j.data.conversation.Conversation;
import io.github.peft4j.generate.Generation;
import io.github.peft4j.generate.GenerationConfig;
import io.github.peft4j.translate.ChatGenerator;
import java.util.concurrent.Executor;

/**
 * A model of peft4j as a streaming chat model of LangChain4j, like {@link PeftChatModel}.
 *
 * <p>A handler that fails ends the generation and gets its own exception in {@code onError}. A
 * generation that is cancelled ends with the next token; the handler is not called any more.
 */
public final class PeftStreamingChatModel implements StreamingChatModel {

  private final ChatGenerator generator;
  private final GenerationConfig config;
  private final Executor executor;

  /**
   * A chat model.
   *
   * @param model a causal language model with a chat template, or a view of one with some adapters
   * @param config settings where a request has none
   * @param executor runs each generation and calls its handler; {@code Runnable::run} for the
   *     calling thread
   * @throws IllegalArgumentException if the model does not continue prompts
   * @throws IllegalStateException if the model has no chat template
   */
  public PeftStreamingChatModel(TextModel model, GenerationConfig config, Executor executor) {
    this.generator = model.chatGenerator();
    this.config = config;
    this.executor = executor;
  }

  /**
   * Answers a request, text by text.
   *
   * @throws dev.langchain4j.exception.UnsupportedFeatureException if the request asks for something
   *     that the model does not do; the message names it
   */
  @Override
  public void doChat(ChatRequest request, StreamingChatResponseHandler handler) {
    Conversation conversation = ChatRequests.conversation(request);
    GenerationConfig settings = ChatRequests.settings(request, config);
    executor.execute(() -> answer(conversation, settings, handler));
  }

  private void answer(
      Conversation conversation, GenerationConfig settings, StreamingChatResponseHandler handler) {
    Handle handle = new Handle();
    try {
      Generation answer =
          generator.generate(
              conversation,
              settings.stopWhen(draft -> handle.isCancelled()),
              text -> handle.pass(text, handler));
      if (!handle.isCancelled()) {
        handler.onCompleteResponse(ChatRequests.response(answer));
      }
    } catch (RuntimeException e) {
      handler.onError(e);
    }
  }

  /** Lets a handler cancel its generation, from any thread. */
  private static final class Handle implements StreamingHandle {

    private volatile boolean cancelled;

    @Override
    public void cancel() {
      cancelled = true;
    }

    @Override
    public boolean isCancelled() {
      return cancelled;
    }

    void pass(String text, StreamingChatResponseHandler handler) {
      if (!cancelled) {
        handler.onPartialResponse(new PartialResponse(text), new PartialResponseContext(this));
      }
    }
  }
}
