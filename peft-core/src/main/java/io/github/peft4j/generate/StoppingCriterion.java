package io.github.peft4j.generate;

import io.github.peft4j.generate.logits.Draft;

/**
 * Ends texts, like {@code StoppingCriteria} of Hugging Face transformers. It is shared by all
 * generations that use it, which may run in several threads, and beam search asks it about texts
 * that it then drops. The answer should therefore depend on the argument only.
 */
@FunctionalInterface
public interface StoppingCriterion {
  /** Whether the text ends with its last token. */
  boolean stops(Draft draft);
}
