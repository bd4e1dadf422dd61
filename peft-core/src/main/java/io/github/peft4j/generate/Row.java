package io.github.peft4j.generate;

import io.github.peft4j.generate.logits.Draft;
import java.time.Duration;
import org.jspecify.annotations.Nullable;

/** One text of a batch during its generation. */
final class Row {

  private final TextStream text;
  private final Endings endings;
  private Draft draft;
  private @Nullable FinishReason reason;

  Row(Draft begun, TextStream text, Endings endings) {
    this.draft = begun;
    this.text = text;
    this.endings = endings;
  }

  boolean isOpen() {
    return reason == null;
  }

  /** Whether the row may have more than one more token. */
  boolean mayGoOn() {
    return isOpen() && !endings.limits().isLast(draft);
  }

  Draft draft() {
    return draft;
  }

  /**
   * Adds a token.
   *
   * @param room the number of positions that the model has left for this row
   */
  void add(long id, long room) {
    draft = draft.append(id);
    reason = endings.of(draft, room, () -> text.add(id));
    if (reason != null && text.finish()) {
      reason = FinishReason.STOP_STRING;
    }
  }

  /** The result, when the row is no longer open. */
  Generation generation(Duration time) {
    if (reason == null) {
      throw new IllegalStateException("the text is still being written");
    }
    return new Generation(text.text(), draft.newIds(), reason, draft.prompt().length, time);
  }
}
