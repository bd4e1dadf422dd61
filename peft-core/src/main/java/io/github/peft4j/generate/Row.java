package io.github.peft4j.generate;

import java.time.Duration;
import java.util.Arrays;
import java.util.Set;
import org.jspecify.annotations.Nullable;

/** One text of a batch during its generation. */
final class Row {

  private final int promptTokens;
  private final TextStream text;
  private final Set<Long> stopIds;
  private final int maxNewTokens;
  private long[] ids = new long[32];
  private int size;
  private @Nullable FinishReason reason;

  Row(int promptTokens, TextStream text, Set<Long> stopIds, int maxNewTokens) {
    this.promptTokens = promptTokens;
    this.text = text;
    this.stopIds = stopIds;
    this.maxNewTokens = maxNewTokens;
  }

  boolean isOpen() {
    return reason == null;
  }

  /**
   * Adds a token.
   *
   * @param room the number of positions that the model has left for this row
   */
  void add(long id, long room) {
    if (size == ids.length) {
      ids = Arrays.copyOf(ids, 2 * size);
    }
    ids[size++] = id;
    if (stopIds.contains(id)) {
      reason = FinishReason.STOP_TOKEN;
    } else if (text.add(id)) {
      reason = FinishReason.STOP_STRING;
    } else if (size == maxNewTokens) {
      reason = FinishReason.MAX_NEW_TOKENS;
    } else if (room < 1) {
      reason = FinishReason.MAX_POSITIONS;
    }
    if (reason != null && text.finish()) {
      reason = FinishReason.STOP_STRING;
    }
  }

  /** The result, when the row is no longer open. */
  Generation generation(Duration time) {
    if (reason == null) {
      throw new IllegalStateException("the text is still being written");
    }
    return new Generation(text.text(), Arrays.copyOf(ids, size), reason, promptTokens, time);
  }
}
