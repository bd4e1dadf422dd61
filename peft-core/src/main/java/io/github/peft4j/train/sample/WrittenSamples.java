package io.github.peft4j.train.sample;

import io.github.peft4j.TextModel;
import io.github.peft4j.data.PreferenceExample;
import io.github.peft4j.data.PromptExample;
import io.github.peft4j.data.TextExample;
import io.github.peft4j.data.conversation.Conversation;
import io.github.peft4j.data.conversation.ConversationExample;
import io.github.peft4j.data.conversation.ConversationPreference;
import io.github.peft4j.data.conversation.Message;
import io.github.peft4j.generate.GenerationConfig;
import io.github.peft4j.train.report.Sample;
import java.util.List;
import java.util.stream.Collectors;

/** Texts that models write. */
public final class WrittenSamples {

  private static final String ASSISTANT = "assistant";
  private static final int MOST_WORDS = 60;
  private static final GenerationConfig SHORT = GenerationConfig.greedy().maxNewTokens(128);

  private WrittenSamples() {}

  /** The answer to a prompt. */
  public static Sample of(TextModel model, PromptExample example) {
    return new Sample(example.prompt(), example.answer(), model.generate(example.prompt()));
  }

  /** The answer to a prompt, beside the better and the worse one. */
  public static Sample of(TextModel model, PreferenceExample example) {
    return preference(
        example.prompt(),
        example.chosen(),
        example.rejected(),
        model.generate(example.prompt(), SHORT).text());
  }

  /** The last answer of a conversation. */
  public static Sample of(TextModel model, ConversationExample example) {
    Conversation all = example.conversation();
    int last = all.messages().size() - 1;
    while (last > 0 && !all.messages().get(last).role().equals(ASSISTANT)) {
      last--;
    }
    if (last == 0) {
      return new Sample(
          said(all.messages()), "", "(no message of the assistant follows another one)");
    }
    Conversation before = all.first(last);
    return new Sample(
        said(before.messages()),
        said(all.messages().get(last)),
        model.chat(before, SHORT).text(),
        false);
  }

  /** The continuation of a conversation, beside the better and the worse one. */
  public static Sample of(TextModel model, ConversationPreference example) {
    return preference(
        said(example.prompt().messages()),
        said(example.chosen()),
        said(example.rejected()),
        model.chat(example.prompt(), SHORT).text());
  }

  /** The second half of a text. */
  public static Sample of(TextModel model, TextExample example) {
    List<String> words = List.of(example.text().strip().split("\\s+"));
    int half = (words.size() + 1) / 2;
    String prompt = String.join(" ", words.subList(Math.max(0, half - MOST_WORDS), half));
    String rest = String.join(" ", words.subList(half, Math.min(words.size(), half + MOST_WORDS)));
    return new Sample(prompt, rest, model.generate(prompt, SHORT).text(), false);
  }

  private static Sample preference(
      String prompt, String chosen, String rejected, String generated) {
    return new Sample(prompt, "better: " + chosen + "\n\nworse: " + rejected, generated, false);
  }

  private static String said(List<Message> messages) {
    return messages.stream()
        .map(message -> message.role() + ": " + said(message))
        .collect(Collectors.joining("\n"));
  }

  private static String said(Message message) {
    String calls = message.toolCalls().isEmpty() ? "" : " (calls " + message.toolCalls() + ")";
    return (message.text() + calls).strip();
  }
}
