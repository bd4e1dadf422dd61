package io.github.peft4j.chat;

import io.github.peft4j.data.batch.EncodedExample;
import io.github.peft4j.data.batch.Encoder;
import io.github.peft4j.data.batch.PreferenceEncoder;
import io.github.peft4j.data.conversation.Conversation;
import io.github.peft4j.data.conversation.ConversationPreference;
import io.github.peft4j.data.conversation.Message;
import io.github.peft4j.data.tokenizer.Tokenizer;
import java.util.List;

/**
 * Two continuations of one conversation to ids, as TRL makes them: the template renders the
 * conversation so far, ready for an answer, and the conversation with each continuation. Each text
 * is tokenized once, without special tokens other than the template's.
 *
 * @param tokenizer the model's tokenizer
 * @param template the model's chat template
 * @param maxLength the most ids of a text, above 0. Longer ones lose ids at their end
 */
public record ChatPreferenceEncoder(Tokenizer tokenizer, ChatTemplate template, int maxLength)
    implements Encoder<ConversationPreference> {

  /** Checks the length. */
  public ChatPreferenceEncoder {
    if (maxLength < 1) {
      throw new IllegalArgumentException("maxLength is " + maxLength + "; expected 1 or more");
    }
  }

  @Override
  public EncodedExample encode(ConversationPreference example) {
    return TemplateException.inData(() -> encoded(example));
  }

  private EncodedExample encoded(ConversationPreference example) {
    return PreferenceEncoder.pair(
        ids(example.prompt(), ChatOptions.prompt()),
        continued(example.prompt(), example.chosen()),
        continued(example.prompt(), example.rejected()),
        maxLength);
  }

  private long[] continued(Conversation prompt, List<Message> answer) {
    return ids(prompt.and(answer.toArray(Message[]::new)), ChatOptions.conversation());
  }

  private long[] ids(Conversation conversation, ChatOptions options) {
    return tokenizer.encode(template.render(conversation, options).text(), false);
  }
}
