package io.github.peft4j.generate;

import io.github.peft4j.data.tokenizer.Tokenizer;
import io.github.peft4j.generate.logits.Draft;
import java.time.Duration;
import java.util.Arrays;
import java.util.List;
import java.util.function.Consumer;

/**
 * Turns drafts into texts.
 *
 * @param stops strings that end a text and are not part of it
 */
record Texts(Tokenizer tokenizer, List<String> stops) {

  /** A stream of the text that follows a draft. */
  TextStream stream(Draft draft, Consumer<String> listener) {
    return new TextStream(tokenizer, draft.ids(), stops, listener);
  }

  /** A finished text. */
  Generation generation(Draft draft, FinishReason reason, Duration time) {
    long[] ids = draft.newIds();
    TextStream text = lastTokens(draft, ids.length);
    int written = reason == FinishReason.STOP_TOKEN ? ids.length - 1 : ids.length;
    int i = 0;
    while (i < written && !text.add(ids[i])) {
      i++;
    }
    FinishReason known = text.finish() ? FinishReason.STOP_STRING : reason;
    return new Generation(text.text(), ids, known, draft.prompt().length, time);
  }

  /** Whether a stop string ends at the last token. */
  boolean endsAtStopString(Draft draft) {
    if (stops.isEmpty()) {
      return false;
    }
    int longest = stops.stream().mapToInt(String::length).max().orElseThrow();
    int tail = Math.min(draft.newTokens(), 4 * longest); // a character has at most 4 byte tokens
    long[] ids = draft.newIds();
    TextStream text = lastTokens(draft, tail);
    boolean stopped = false;
    for (int i = ids.length - tail; i < ids.length; i++) {
      stopped |= text.add(ids[i]);
    }
    return stopped;
  }

  /** An empty stream for this many last tokens. */
  private TextStream lastTokens(Draft draft, int tail) {
    long[] ids = draft.ids();
    return new TextStream(tokenizer, Arrays.copyOf(ids, ids.length - tail), stops, piece -> {});
  }
}
