package io.github.peft4j.chat;

import io.github.peft4j.chat.RenderedChat.Span;
import io.github.peft4j.data.DataException;
import io.github.peft4j.data.batch.EncodedExample;
import io.github.peft4j.data.batch.Encoder;
import io.github.peft4j.data.conversation.ConversationExample;
import io.github.peft4j.data.tokenizer.AlignedEncoding;
import io.github.peft4j.data.tokenizer.Tokenizer;
import java.util.Arrays;
import java.util.List;

/**
 * Conversations to ids and labels. The conversation is rendered as one text, and the text is
 * tokenized once. No special tokens are added: those that the template writes are the only ones, so
 * a text never begins with two beginning-of-text tokens.
 *
 * <p>Labels are where {@code trainOn} says. A token counts if any of its characters belongs to such
 * a part, as in transformers' {@code assistant_masks}. Conversations that are too long lose tokens
 * at their end; {@link EncodedExample#cut} says how many.
 *
 * @param tokenizer the model's tokenizer
 * @param template the model's chat template
 * @param options how conversations are rendered
 * @param trainOn which parts count in the loss
 * @param maxLength the most ids of an example, above 0
 */
public record ChatEncoder(
    Tokenizer tokenizer, ChatTemplate template, ChatOptions options, TrainOn trainOn, int maxLength)
    implements Encoder<ConversationExample> {

  /** Checks the length. */
  public ChatEncoder {
    if (maxLength < 1) {
      throw new IllegalArgumentException("maxLength is " + maxLength + "; expected 1 or more");
    }
  }

  /**
   * An encoder that learns all turns of the assistant.
   *
   * @param tokenizer the model's tokenizer
   * @param template the model's chat template
   * @param maxLength the most ids of an example, above 0
   */
  public ChatEncoder(Tokenizer tokenizer, ChatTemplate template, int maxLength) {
    this(tokenizer, template, ChatOptions.conversation(), TrainOn.ASSISTANT_TURNS, maxLength);
  }

  /**
   * This encoder with another choice of what counts in the loss.
   *
   * @param parts which parts
   * @return the encoder
   */
  public ChatEncoder trainOn(TrainOn parts) {
    return new ChatEncoder(tokenizer, template, options, parts, maxLength);
  }

  /**
   * The ids and labels of a conversation.
   *
   * @throws DataException if no turn is the assistant's, the template refuses the conversation, or
   *     its turns cannot be told apart
   */
  @Override
  public EncodedExample encode(ConversationExample example) {
    return TemplateException.inData(() -> encoded(example));
  }

  private EncodedExample encoded(ConversationExample example) {
    RenderedChat chat = template.render(example.conversation(), options);
    List<Span> counted = new AssistantTurns(template, options).of(example, chat, trainOn);
    AlignedEncoding tokens = tokenizer.bareAligned(chat.text());
    long[] ids = tokens.encoding().ids();
    boolean[] mask = mask(tokens, counted);
    long[] labels = ids.clone();
    int answer = 0;
    for (int i = 0; i < ids.length; i++) {
      labels[i] = mask[i] ? ids[i] : EncodedExample.IGNORED;
      answer += mask[i] && i >= maxLength ? 1 : 0;
    }
    int kept = Math.min(ids.length, maxLength);
    return EncodedExample.ofTokens(Arrays.copyOf(ids, kept), Arrays.copyOf(labels, kept))
        .cutBy(ids.length - kept - answer, answer);
  }

  /** Which tokens overlap a part: transformers' rule. Both are in order. */
  private static boolean[] mask(AlignedEncoding tokens, List<Span> parts) {
    boolean[] mask = new boolean[tokens.length()];
    int part = 0;
    for (int i = 0; i < mask.length; i++) {
      while (part < parts.size() && tokens.starts()[i] >= parts.get(part).end()) {
        part++;
      }
      mask[i] = part < parts.size() && tokens.ends()[i] > parts.get(part).start();
    }
    return mask;
  }
}
