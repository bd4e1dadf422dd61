package io.github.peft4j.data.reader;

import io.github.peft4j.data.DataException;
import io.github.peft4j.data.Example;
import io.github.peft4j.data.PreferenceExample;
import io.github.peft4j.data.PromptExample;
import io.github.peft4j.data.conversation.ConversationExample;
import io.github.peft4j.data.conversation.ConversationPreference;
import io.github.peft4j.data.conversation.Message;
import java.util.List;
import java.util.Map;
import java.util.stream.Stream;
import org.jspecify.annotations.Nullable;

/** Prompts with answers, in TRL's forms: as text, or as messages. */
final class Answers {

  private Answers() {}

  /** A row of prompt and completion. */
  static Example completion(Fields row) {
    boolean texts = isText(row, "prompt");
    if (texts != isText(row, "completion")) {
      throw new DataException(
          "one of 'prompt' and 'completion' is text and the other is none, expected two texts or"
              + " two lists of messages");
    }
    return texts
        ? new PromptExample(row.text("prompt"), row.text("completion"))
        : completionOfMessages(row);
  }

  static ConversationExample completionOfMessages(Fields row) {
    List<Message> prompt = Chats.messagesOf(row, "prompt");
    List<Message> completion = continuation(row, "completion");
    return new ConversationExample(
        Chats.conversation(row, Stream.concat(prompt.stream(), completion.stream()).toList()),
        prompt.size());
  }

  private static boolean isText(Fields row, String column) {
    return !(row.get(column) instanceof List || row.get(column) instanceof Map);
  }

  /** Messages that follow others, so that no system message comes before them; or only one. */
  private static List<Message> continuation(Fields row, String column) {
    if (row.get(column) instanceof Map) {
      try {
        return List.of(Chats.message(Fields.object(column, row.get(column))));
      } catch (DataException e) {
        throw new DataException("column '%s': %s".formatted(column, e.getMessage()), e);
      }
    }
    return Chats.messagesOf(new Fields(one(column, row.get(column))), column);
  }

  private static Map<String, @Nullable Object> one(String column, @Nullable Object value) {
    return value == null ? Map.of() : Map.of(column, value);
  }

  /**
   * A row of chosen and rejected, with a prompt or without. Without one, the prompt is what both
   * have in common, as in TRL's {@code extract_prompt}.
   */
  static Example preference(Fields row) {
    if (isText(row, "chosen") != isText(row, "rejected")) {
      throw new DataException(
          "one of 'chosen' and 'rejected' is text and the other is none, expected two texts or two"
              + " lists of messages");
    }
    return isText(row, "chosen") ? textPreference(row) : chatPreference(row);
  }

  private static PreferenceExample textPreference(Fields row) {
    String chosen = row.text("chosen");
    String rejected = row.text("rejected");
    if (row.values().containsKey("prompt")) {
      return new PreferenceExample(row.text("prompt"), different(chosen, rejected), rejected);
    }
    int common = 0;
    int least = Math.min(chosen.length(), rejected.length());
    while (common < least && chosen.charAt(common) == rejected.charAt(common)) {
      common++;
    }
    different(chosen, rejected);
    if (common > 0 && Character.isHighSurrogate(chosen.charAt(common - 1))) {
      common--; // two characters that begin alike
    }
    if (common > 0 && chosen.charAt(common - 1) == ' ') {
      common--; // the blank belongs to the answer
    }
    if (common == 0) {
      throw new DataException(
          "there is no column 'prompt', and 'chosen' and 'rejected' do not begin alike");
    }
    return new PreferenceExample(
        chosen.substring(0, common), chosen.substring(common), rejected.substring(common));
  }

  private static <T> T different(T chosen, T rejected) {
    if (chosen.equals(rejected)) {
      throw new DataException("'chosen' and 'rejected' are the same, so neither is better");
    }
    return chosen;
  }

  private static ConversationPreference chatPreference(Fields row) {
    List<Message> chosen = continuation(row, "chosen");
    List<Message> rejected = continuation(row, "rejected");
    different(chosen, rejected);
    String history =
        row.has("messages") ? "messages" : row.has("conversations") ? "conversations" : "prompt";
    if (row.get(history) instanceof List) {
      return new ConversationPreference(
          Chats.conversation(row, Chats.messagesOf(row, history)), chosen, rejected);
    }
    int common = 0;
    while (common < Math.min(chosen.size(), rejected.size())
        && chosen.get(common).equals(rejected.get(common))) {
      common++;
    }
    List<Message> prompt = chosen.subList(0, common);
    if (prompt.isEmpty()) {
      throw new DataException(
          "'chosen' and 'rejected' do not begin with the same message, and 'prompt' is no list of"
              + " messages");
    }
    return new ConversationPreference(
        Chats.conversation(row, prompt),
        chosen.subList(common, chosen.size()),
        rejected.subList(common, rejected.size()));
  }
}
