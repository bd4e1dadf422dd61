package io.github.peft4j.examples.langchain4j;

import dev.langchain4j.model.chat.ChatModel;
import dev.langchain4j.model.chat.request.ChatRequest;
import dev.langchain4j.model.chat.response.ChatResponse;
import io.github.peft4j.TextModel;
import io.github.peft4j.generate.GenerationConfig;
import io.github.peft4j.translate.ChatGenerator;

/**
 * A model of peft4j as a chat model of LangChain4j. The model's chat template makes the prompt.
 *
 * <pre>{@code
 * PeftModel model = Peft.load("models/Qwen2.5-0.5B-Instruct").loadAdapter("support", folder);
 * ChatModel chat = new PeftChatModel(model.using("support"));
 * }</pre>
 *
 * <p>{@link ChatRequests} says what of a request is understood, and what is refused. Any number of
 * threads may use a chat model. It does not close the model of peft4j.
 */
public final class PeftChatModel implements ChatModel {

  private final ChatGenerator generator;
  private final GenerationConfig config;

  /** A chat model with the settings that the model's authors recommend. */
  public PeftChatModel(TextModel model) {
    this(model, GenerationConfig.recommended());
  }

  /**
   * A chat model.
   *
   * @param model a causal language model with a chat template, or a view of one with some adapters
   * @param config settings where a request has none. Sampling draws by the config's seed: the same
   *     request has the same answer
   * @throws IllegalArgumentException if the model does not continue prompts
   * @throws IllegalStateException if the model has no chat template
   */
  public PeftChatModel(TextModel model, GenerationConfig config) {
    this.generator = model.chatGenerator();
    this.config = config;
  }

  /**
   * Answers a request.
   *
   * @throws dev.langchain4j.exception.UnsupportedFeatureException if the request asks for something
   *     that the model does not do; the message names it
   */
  @Override
  public ChatResponse doChat(ChatRequest request) {
    return ChatRequests.response(
        generator.generate(
            ChatRequests.conversation(request), ChatRequests.settings(request, config)));
  }
}
