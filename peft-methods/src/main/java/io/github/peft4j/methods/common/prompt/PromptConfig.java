package io.github.peft4j.methods.common.prompt;

import io.github.peft4j.config.PeftConfig;
import java.util.List;
import org.jspecify.annotations.Nullable;

/**
 * Settings of virtual tokens, with Hugging Face PEFT's names.
 *
 * @param <C> the config itself
 */
public interface PromptConfig<C extends PromptConfig<C>> extends PeftConfig {

  /** The number of virtual tokens, and the shape of the model they are for. */
  VirtualTokens tokens();

  /** A copy with other virtual tokens. */
  C tokens(VirtualTokens tokens);

  @Override
  default @Nullable List<String> modulesToSave() {
    return tokens().modulesToSave();
  }
}
