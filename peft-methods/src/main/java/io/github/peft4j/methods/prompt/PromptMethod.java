package io.github.peft4j.methods.prompt;

import io.github.peft4j.PeftConfig;
import io.github.peft4j.PeftMethod;
import io.github.peft4j.tuner.InputSite;
import io.github.peft4j.tuner.Site;

/**
 * A method of virtual tokens. In Hugging Face PEFT's files its own tensors stand under names
 * without a module, and modules that are trained besides under {@code base_model.}.
 */
public interface PromptMethod<C extends PeftConfig> extends PeftMethod<C> {

  @Override
  default String tensorName(Site<?, ?> site, String key) {
    return site instanceof InputSite ? key : PeftMethod.super.tensorName(site, key);
  }

  @Override
  default String modulePrefix() {
    return "base_model.";
  }
}
