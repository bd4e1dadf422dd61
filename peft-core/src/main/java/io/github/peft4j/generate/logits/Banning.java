package io.github.peft4j.generate.logits;

import ai.djl.ndarray.NDArray;
import java.util.List;

/** Sets the logits of banned tokens to minus infinity. */
record Banning(Ban ban) implements LogitsProcessor {

  @Override
  public NDArray process(List<Draft> drafts, NDArray logits) {
    return Places.of(drafts, logits, ban).fill(Double.NEGATIVE_INFINITY);
  }
}
