package io.github.peft4j.translate;

import io.github.peft4j.data.conversation.Conversation;
import io.github.peft4j.generate.GenerationConfig;
import io.github.peft4j.transformer.AdaptedModel;

/**
 * A translator for answering conversations with DJL's {@code Predictor}. The answers of {@code
 * batchPredict} are generated one after the other.
 */
public final class ChatTranslator extends AnsweringTranslator<Conversation, String> {

  /**
   * Creates a translator.
   *
   * @param model the predictor's block
   * @param generator what answers with this model, such as {@code model.chatGenerator()}
   */
  public ChatTranslator(AdaptedModel model, ChatGenerator generator, GenerationConfig config) {
    super(
        model,
        conversations ->
            conversations.stream().map(each -> generator.generate(each, config).text()).toList());
  }
}
