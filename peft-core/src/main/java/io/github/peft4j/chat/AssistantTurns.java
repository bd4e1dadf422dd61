package io.github.peft4j.chat;

import io.github.peft4j.chat.RenderedChat.Span;
import io.github.peft4j.data.DataException;
import io.github.peft4j.data.conversation.Conversation;
import io.github.peft4j.data.conversation.ConversationExample;
import io.github.peft4j.data.conversation.Message;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;

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
    return template.marksGeneration(options.of(conversation))
        ? marked(example, whole, lastOnly)
        : compared(example, whole, lastOnly);
  }

  private List<Span> marked(ConversationExample example, RenderedChat whole, boolean lastOnly) {
    int prompt = example.promptMessages();
    int from = prompt == 0 ? 0 : prompt(example.conversation(), prompt, whole);
    List<Span> marked = whole.generations().stream().filter(span -> span.start() >= from).toList();
    return lastOnly && !marked.isEmpty()
        ? marked.subList(marked.size() - 1, marked.size())
        : marked;
  }

  /** The turns out of renderings of the first messages. */
  List<Span> compared(ConversationExample example, RenderedChat whole, boolean lastOnly) {
    Conversation conversation = example.conversation();
    List<Message> messages = conversation.messages();
    int last = messages.size() - 1;
    List<Span> turns = new ArrayList<>();
    for (int i = lastOnly ? last : example.promptMessages(); i <= last; i++) {
      if (isAssistant(messages.get(i))) {
        int start = i == 0 ? opening(conversation, whole) : prompt(conversation, i, whole);
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

  /**
   * Where the turn begins that is the first message, which nothing asks for: after the text that
   * asks for an answer elsewhere, or else where the content is, before which two contents have the
   * same text.
   */
  private int opening(Conversation conversation, RenderedChat whole) {
    String a = opened(conversation, "A");
    String b = opened(conversation, "B");
    int length = common(a, b);
    if (length == a.length() || common(a, whole.text()) < length) {
      throw new TemplateException(
          "the template does not write the first message's content as it is, so the assistant's"
              + " turn cannot be told from what comes before it"
              + ADVICE);
    }
    String before = whole.text().substring(0, length);
    String asking = asking(conversation);
    int at = asking.isEmpty() ? -1 : before.lastIndexOf(asking);
    return at < 0 ? length : at + asking.length();
  }

  /** What the template writes to ask for an answer; empty if it does not say. */
  private String asking(Conversation conversation) {
    Conversation question = new Conversation(List.of(Message.user("A")), conversation.variables());
    try {
      String text = template.render(question, options).text();
      String prompt = template.render(question, options.addGenerationPrompt(true)).text();
      return prompt.startsWith(text) ? prompt.substring(text.length()) : "";
    } catch (TemplateException e) {
      return "";
    }
  }

  private String opened(Conversation conversation, String content) {
    Message first = new Message(Map.of("role", ASSISTANT, "content", content));
    return template
        .render(new Conversation(List.of(first), conversation.variables()), options)
        .text();
  }

  private int end(Conversation conversation, int messages, RenderedChat whole) {
    return prefix(conversation, messages, false, whole);
  }

  private int prefix(
      Conversation conversation, int messages, boolean addGenerationPrompt, RenderedChat whole) {
    Conversation first =
        new Conversation(conversation.messages().subList(0, messages), conversation.variables());
    String text = template.render(first, options.addGenerationPrompt(addGenerationPrompt)).text();
    int same = common(text, whole.text());
    if (addGenerationPrompt && text.substring(same).isBlank()) {
      return same; // many templates end with a line break, which whole conversations have last
    }
    if (same < text.length()) {
      throw new TemplateException(
          ("the template renders the first %d messages%s otherwise when more messages follow, so"
                  + " the assistant's turns cannot be told apart: the texts differ from character %d"
                  + " on, '%s' and '%s'%s")
              .formatted(
                  messages,
                  addGenerationPrompt ? " and the start of an answer" : "",
                  same,
                  from(text, same),
                  from(whole.text(), same),
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
