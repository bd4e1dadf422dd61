package io.github.peft4j.chat;

import io.github.peft4j.chat.RenderedChat.Span;
import io.github.peft4j.data.DataException;
import io.github.peft4j.data.conversation.Conversation;
import io.github.peft4j.data.conversation.ConversationExample;
import io.github.peft4j.data.conversation.Message;
import java.util.ArrayList;
import java.util.List;

/**
 * Where the assistant's turns are in the text of a conversation: where the template marks them by
 * {@code {% generation %}}, or else what a turn adds to the text of the messages before it.
 */
record AssistantTurns(ChatTemplate template, ChatOptions options) {

  private static final String ASSISTANT = "assistant";
  private static final String ADVICE =
      ". Give a template that marks the assistant's turns by {% generation %}, as TRL's training"
          + " templates do, or train on TrainOn.LAST_TURN or TrainOn.ALL";

  /** The parts of the rendered text that count, in order. */
  List<Span> of(ConversationExample example, RenderedChat whole, TrainOn trainOn) {
    Conversation conversation = example.conversation();
    List<Message> messages = conversation.messages();
    if (trainOn == TrainOn.ALL) {
      return List.of(new Span(0, whole.text().length()));
    }
    int last = messages.size() - 1;
    boolean lastOnly = trainOn == TrainOn.LAST_TURN;
    if (lastOnly && !isAssistant(messages.get(last))) {
      throw new DataException(
          "the last message has the role '%s'; expected assistant, to learn its turn"
              .formatted(messages.get(last).role()));
    }
    if (messages.stream().noneMatch(AssistantTurns::isAssistant)) {
      throw new DataException("no message has the role assistant: there is nothing to learn");
    }
    if (template.marksGeneration(options.of(conversation))) {
      int from =
          example.promptMessages() == 0 ? 0 : prompt(conversation, example.promptMessages(), whole);
      List<Span> marked =
          whole.generations().stream().filter(span -> span.start() >= from).toList();
      return lastOnly && !marked.isEmpty()
          ? marked.subList(marked.size() - 1, marked.size())
          : marked;
    }
    List<Span> turns = new ArrayList<>();
    for (int i = lastOnly ? last : example.promptMessages(); i <= last; i++) {
      if (isAssistant(messages.get(i))) {
        int start = i == 0 ? 0 : prompt(conversation, i, whole);
        int end = i == last ? whole.text().length() : end(conversation, i + 1, whole);
        turns.add(new Span(start, end));
      }
    }
    return turns;
  }

  private static boolean isAssistant(Message message) {
    return message.role().equals(ASSISTANT);
  }

  /** The length of the text that asks for the message of this index. */
  private int prompt(Conversation conversation, int index, RenderedChat whole) {
    return prefix(conversation, index, true, whole);
  }

  private int end(Conversation conversation, int messages, RenderedChat whole) {
    return prefix(conversation, messages, false, whole);
  }

  private int prefix(
      Conversation conversation, int messages, boolean addGenerationPrompt, RenderedChat whole) {
    Conversation first =
        new Conversation(conversation.messages().subList(0, messages), conversation.variables());
    String text = template.render(first, options.addGenerationPrompt(addGenerationPrompt)).text();
    if (!whole.text().startsWith(text)) {
      throw new TemplateException(
          ("the template renders the first %d messages%s otherwise when more messages follow, so the"
                  + " assistant's turns cannot be told apart: the texts differ from character %d on,"
                  + " '%s' and '%s'%s")
              .formatted(
                  messages,
                  addGenerationPrompt ? " and the start of an answer" : "",
                  common(text, whole.text()),
                  from(text, common(text, whole.text())),
                  from(whole.text(), common(text, whole.text())),
                  ADVICE));
    }
    return text.length();
  }

  private static int common(String a, String b) {
    int i = 0;
    while (i < Math.min(a.length(), b.length()) && a.charAt(i) == b.charAt(i)) {
      i++;
    }
    return i;
  }

  private static String from(String text, int index) {
    return text.substring(index, Math.min(text.length(), index + 20)).replace("\n", "\\n");
  }
}
