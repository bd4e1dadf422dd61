package io.github.peft4j.translate;

import io.github.peft4j.chat.ChatOptions;
import io.github.peft4j.chat.ChatTemplate;
import io.github.peft4j.chat.EndOfTurn;
import io.github.peft4j.data.conversation.Conversation;
import io.github.peft4j.data.tokenizer.Tokenizer;
import io.github.peft4j.generate.Generation;
import io.github.peft4j.generate.GenerationConfig;
import io.github.peft4j.generate.Generator;
import io.github.peft4j.transformer.AdaptedModel;
import io.github.peft4j.transformer.TransformerModel;
import java.util.OptionalLong;
import java.util.function.Consumer;

/**
 * Answers conversations. A chat template makes of a conversation the prompt, with the start of an
 * answer. The answer ends at the model's end-of-text tokens and at the token that the template
 * writes after a turn of the assistant.
 *
 * <p>It has no state; several threads may use one.
 */
public final class ChatGenerator {

  private final Generator generator;
  private final Tokenizer tokenizer;
  private final ChatTemplate template;

  /**
   * Creates a generator of answers.
   *
   * @param model a causal language model, and its adapters
   * @param tokenizer the model's tokenizer
   * @param template the model's template
   * @throws IllegalArgumentException if the model does not continue prompts
   */
  public ChatGenerator(AdaptedModel model, Tokenizer tokenizer, ChatTemplate template) {
    requirePrompts(model.base());
    Generator plain = new Generator(model, tokenizer);
    OptionalLong end = EndOfTurn.of(template, tokenizer);
    this.generator = end.isPresent() ? plain.endingAt(end.getAsLong()) : plain;
    this.tokenizer = tokenizer;
    this.template = template;
  }

  /**
   * Refuses a model that does not chat.
   *
   * @throws IllegalArgumentException if the model does not continue prompts
   */
  public static void requirePrompts(TransformerModel model) {
    if (!model.task().type().continuesPrompts()) {
      throw new IllegalArgumentException(
          "a model for " + model.task().type() + " does not chat; load a causal language model");
    }
  }

  /**
   * Answers a conversation.
   *
   * @param conversation the conversation so far, with tools and further variables of the template
   * @throws io.github.peft4j.chat.TemplateException if the template refuses the conversation
   * @throws IllegalStateException if the config or parallel adapters ask for several answers
   */
  public Generation generate(Conversation conversation, GenerationConfig config) {
    return generator.generate(prompt(conversation), config);
  }

  /**
   * Answers a conversation and streams the text.
   *
   * @param listener receives pieces of text that hold whole characters, on the calling thread
   */
  public Generation generate(
      Conversation conversation, GenerationConfig config, Consumer<String> listener) {
    return generator.generate(prompt(conversation), config, listener);
  }

  private long[] prompt(Conversation conversation) {
    return tokenizer.encode(template.render(conversation, ChatOptions.prompt()).text(), false);
  }
}
