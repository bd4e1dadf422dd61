package io.github.peft4j.generate.logits;

import ai.djl.ndarray.NDArray;
import java.util.List;
import java.util.function.Predicate;
import java.util.stream.LongStream;

/** Where a text meets a condition, only these tokens can come next, all with the logit 0. */
record Forced(String setting, List<Long> tokens, Predicate<Draft> when) implements LogitsProcessor {

  @Override
  public NDArray process(List<Draft> drafts, NDArray logits) {
    long[] rows =
        LongStream.range(0, drafts.size())
            .filter(row -> when.test(drafts.get((int) row)))
            .toArray();
    if (rows.length == 0) {
      return logits;
    }
    Places places =
        Places.of(
            drafts, logits, draft -> when.test(draft) ? LongStream.of(ids()) : LongStream.empty());
    if (places.isEmpty()) {
      throw new IllegalArgumentException(
          "%s is %s; expected ids from 0 to %d, which the model has"
              .formatted(setting, tokens, logits.getShape().get(1) - 1));
    }
    return places.force(rows);
  }

  private long[] ids() {
    return tokens.stream().mapToLong(Long::longValue).toArray();
  }
}
