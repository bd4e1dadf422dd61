package io.github.peft4j.data.conversation;

import io.github.peft4j.data.DataException;
import io.github.peft4j.data.Example;
import io.github.peft4j.data.Values;
import java.util.List;

/**
 * Two continuations of one conversation, of which one is better: for DPO, ORPO and their kin.
 *
 * @param prompt the conversation so far, with its tools and other variables
 * @param chosen the messages of the better continuation
 * @param rejected the messages of the worse continuation
 */
public record ConversationPreference(
    Conversation prompt, List<Message> chosen, List<Message> rejected) implements Example {

  /** Copies the lists, and checks that they are not empty. */
  public ConversationPreference {
    chosen = List.copyOf(chosen);
    rejected = List.copyOf(rejected);
    if (chosen.isEmpty() || rejected.isEmpty()) {
      throw new DataException(
          "'%s' has no messages, expected one at least"
              .formatted(chosen.isEmpty() ? "chosen" : "rejected"));
    }
  }

  @Override
  public List<String> fields() {
    return List.of(prompt.json(), json(chosen), json(rejected));
  }

  private static String json(List<Message> messages) {
    return Values.json(messages.stream().map(Message::fields).toList());
  }
}
