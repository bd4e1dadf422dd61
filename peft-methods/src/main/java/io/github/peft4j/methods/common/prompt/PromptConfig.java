package io.github.peft4j.methods.common.prompt;

import io.github.peft4j.Configs;
import io.github.peft4j.PeftConfig;
import java.util.List;
import org.jspecify.annotations.Nullable;

/**
 * Settings of virtual tokens, with Hugging Face PEFT's names.
 *
 * @param <C> the config itself
 */
public interface PromptConfig<C extends PromptConfig<C>> extends PeftConfig {

  /** How many, and of what model. */
  VirtualTokens tokens();

  @Override
  default @Nullable List<String> modulesToSave() {
    return tokens().modulesToSave();
  }

  /** With these modules trained whole. */
  @SuppressWarnings("unchecked") // C is the class of this
  default C saving(String... modules) {
    return Configs.with((C) this, "modulesToSave", List.of(modules));
  }
}
