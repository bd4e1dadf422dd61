package io.github.peft4j.chat;

import io.github.peft4j.chat.python.None;
import io.github.peft4j.chat.python.Sequences;
import io.github.peft4j.chat.python.Texts;
import java.util.List;
import java.util.Map;

/**
 * The last message of a conversation that the model continues, as transformers does it: the message
 * gets a mark, and the rendered text ends before the mark.
 *
 * @param text the text that is continued
 */
record ContinuedMessage(String text) {

  private static final String MARK = "CONTINUE_FINAL_MESSAGE_TAG ";
  private static final List<String> REASONING =
      List.of("reasoning_content", "thinking", "reasoning");

  /** Puts a mark at the end of a field of the last message. */
  static ContinuedMessage mark(List<Map<Object, Object>> messages, String field, String template) {
    if (messages.isEmpty()) {
      throw new TemplateException("there is no message to continue: the conversation is empty");
    }
    Map<Object, Object> last = messages.get(messages.size() - 1);
    Object value = last.getOrDefault(field, None.NONE);
    if (value == None.NONE) {
      throw new TemplateException("the last message has no '" + field + "' to continue");
    }
    List<String> fields =
        REASONING.contains(field)
            ? REASONING.stream().filter(each -> value.equals(last.get(each))).toList()
            : List.of(field);
    if (fields.stream().noneMatch(template::contains)) {
      throw new TemplateException("the template does not know the field '" + field + "'");
    }
    if (value instanceof List<?> parts) {
      return ofParts(parts);
    }
    String text = requireText(value);
    fields.forEach(each -> last.put(each, text + MARK));
    return new ContinuedMessage(text);
  }

  private static ContinuedMessage ofParts(List<?> parts) {
    for (int i = parts.size() - 1; i >= 0; i--) {
      Map<Object, Object> part = Sequences.dict(parts.get(i));
      Object text = part == null ? null : part.get("text");
      if (part != null && text != null) {
        part.put("text", requireText(text) + MARK);
        return new ContinuedMessage(requireText(text));
      }
    }
    throw new TemplateException("the last message has no part with a text to continue");
  }

  private static String requireText(Object value) {
    if (value instanceof String text) {
      return text;
    }
    throw new TemplateException("what is to be continued is no text");
  }

  /** The rendered text up to the mark. */
  String cut(String rendered) {
    int mark = rendered.lastIndexOf(MARK.strip());
    if (mark < 0 || !rendered.contains(Texts.strip(text, null))) {
      throw new TemplateException(
          "the last message is not in the rendered text as it is: the template changes or drops it,"
              + " so it cannot be continued");
    }
    String start = rendered.substring(0, mark);
    return rendered.startsWith(MARK, mark) ? start : Texts.stripEnd(start, null);
  }
}
