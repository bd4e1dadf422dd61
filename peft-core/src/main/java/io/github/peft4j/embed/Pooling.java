package io.github.peft4j.embed;

import ai.djl.ndarray.NDArray;
import io.github.peft4j.transformer.head.Pooled;
import org.jspecify.annotations.Nullable;

/** How the states of a text's tokens become one vector. Padding never counts. */
public enum Pooling {
  /** The mean of all tokens. */
  MEAN,
  /** The first token, such as {@code [CLS]}. */
  CLS,
  /** The last token, for decoders. */
  LAST_TOKEN;

  /** States (B, T, D) and a mask (B, T) or null → (B, D). */
  NDArray apply(NDArray states, @Nullable NDArray mask) {
    return switch (this) {
      case MEAN -> Pooled.mean(states, mask);
      case CLS -> Pooled.first(states);
      case LAST_TOKEN -> Pooled.last(states, mask);
    };
  }
}
