package io.github.peft4j.generate;

import io.github.peft4j.data.tokenizer.Tokenizer;
import io.github.peft4j.transformer.config.ModelConfig;
import java.util.HashSet;
import java.util.Set;

/** The end-of-text tokens of a model. Chat models often have several. */
final class EndOfText {

  private static final String FIELD = "eos_token_id";

  private EndOfText() {}

  /**
   * The end-of-text tokens in generation_config.json and config.json, and that of the tokenizer.
   */
  static Set<Long> of(ModelConfig config, Tokenizer tokenizer) {
    Set<Long> ids = new HashSet<>(config.integers(FIELD));
    ids.addAll(config.generation().integers(FIELD));
    tokenizer.eosId().ifPresent(ids::add);
    return Set.copyOf(ids);
  }
}
