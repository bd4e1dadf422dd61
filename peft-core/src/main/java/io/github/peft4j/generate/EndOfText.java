package io.github.peft4j.generate;

import io.github.peft4j.data.tokenizer.Tokenizer;
import io.github.peft4j.transformer.config.ModelConfig;
import java.util.HashSet;
import java.util.Set;

/** The tokens that end a text: one, or several as of models that chat. */
final class EndOfText {

  private static final String FIELD = "eos_token_id";

  private EndOfText() {}

  /** Those that generation_config.json and config.json list, and the tokenizer's. */
  static Set<Long> of(ModelConfig config, Tokenizer tokenizer) {
    Set<Long> ids = new HashSet<>(config.integers(FIELD));
    ids.addAll(config.generation().integers(FIELD));
    tokenizer.eosId().ifPresent(ids::add);
    return Set.copyOf(ids);
  }
}
