package io.github.peft4j.generate;

import io.github.peft4j.generate.logits.Draft;
import java.util.List;
import java.util.Set;
import java.util.function.BooleanSupplier;
import org.jspecify.annotations.Nullable;

/**
 * Where texts end.
 *
 * @param stopIds tokens that end a text
 * @param criteria further criteria
 * @param limits the most tokens
 */
record Endings(Set<Long> stopIds, List<StoppingCriterion> criteria, Limits limits) {

  /**
   * Why a text ends with its last token, or null if it goes on.
   *
   * @param room the number of positions that the model has left for the text
   * @param atStopString whether the text now contains a stop string
   */
  @Nullable FinishReason of(Draft draft, long room, BooleanSupplier atStopString) {
    if (stopIds.contains(draft.last())) {
      return FinishReason.STOP_TOKEN;
    } else if (atStopString.getAsBoolean()) {
      return FinishReason.STOP_STRING;
    } else if (criteria.stream().anyMatch(criterion -> criterion.stops(draft))) {
      return FinishReason.STOPPING_CRITERION;
    } else if (draft.newTokens() >= limits.maxNewTokens(draft)) {
      return FinishReason.MAX_NEW_TOKENS;
    }
    return room < 1 ? FinishReason.MAX_POSITIONS : null;
  }
}
