package io.github.peft4j.generate.logits;

import java.util.stream.LongStream;

/** The tokens that must not be the next one, see {@link LogitsProcessor#banning}. */
@FunctionalInterface
public interface Ban {
  /** The banned ids; they may repeat. */
  LongStream of(Draft draft);
}
