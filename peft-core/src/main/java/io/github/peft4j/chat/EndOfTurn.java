package io.github.peft4j.chat;

import io.github.peft4j.data.conversation.Conversation;
import io.github.peft4j.data.conversation.Message;
import io.github.peft4j.data.tokenizer.Tokenizer;
import java.util.Arrays;
import java.util.OptionalLong;

/** The special token that a template writes after a turn of the assistant. */
public final class EndOfTurn {

  private static final String ANSWER = "answer";

  private EndOfTurn() {}

  /**
   * The token, such as {@code <|im_end|>} or {@code <|eot_id|>}.
   *
   * @param template the model's chat template
   * @param tokenizer the model's tokenizer
   * @return its id, or nothing if the template writes none
   */
  public static OptionalLong of(ChatTemplate template, Tokenizer tokenizer) {
    String text;
    try {
      text =
          template
              .render(
                  Conversation.of(Message.user("question"), Message.assistant(ANSWER)),
                  ChatOptions.conversation())
              .text();
    } catch (TemplateException e) {
      return OptionalLong.empty(); // a template of another use: the model's own end of text counts
    }
    int end = text.lastIndexOf(ANSWER);
    if (end < 0) {
      return OptionalLong.empty();
    }
    return Arrays.stream(tokenizer.encode(text.substring(end + ANSWER.length()), false))
        .filter(id -> tokenizer.decode(new long[] {id}, true).isEmpty())
        .filter(id -> !tokenizer.decode(new long[] {id}, false).isEmpty())
        .findFirst();
  }
}
