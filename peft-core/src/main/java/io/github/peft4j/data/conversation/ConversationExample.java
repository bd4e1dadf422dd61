package io.github.peft4j.data.conversation;

import io.github.peft4j.data.DataException;
import io.github.peft4j.data.Example;
import java.util.List;

/**
 * A conversation to learn from. Which of its turns count in the loss is a setting of the training.
 *
 * @param conversation the conversation
 * @param promptMessages how many messages at the start are a prompt that is read and not learned,
 *     as data with prompts and completions says; 0 if the data does not say
 */
public record ConversationExample(Conversation conversation, int promptMessages)
    implements Example {

  /** Checks that something follows the prompt. */
  public ConversationExample {
    if (promptMessages < 0 || promptMessages >= conversation.messages().size()) {
      throw new DataException(
          "the prompt has %d of %d messages, expected fewer, so that an answer follows"
              .formatted(promptMessages, conversation.messages().size()));
    }
  }

  /**
   * A conversation whose data does not say where a prompt ends.
   *
   * @param conversation the conversation
   */
  public ConversationExample(Conversation conversation) {
    this(conversation, 0);
  }

  /**
   * A conversation of some messages.
   *
   * @param messages the messages, in order
   * @return the example
   */
  public static ConversationExample of(Message... messages) {
    return new ConversationExample(Conversation.of(messages));
  }

  @Override
  public List<String> fields() {
    return List.of(conversation.json(), Integer.toString(promptMessages));
  }
}
