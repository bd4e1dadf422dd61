package io.github.peft4j.methods.common.prompt;

import io.github.peft4j.adapter.layout.PeftLayout;
import io.github.peft4j.config.PeftConfig;
import io.github.peft4j.tuner.site.InputSite;
import io.github.peft4j.tuner.site.Site;
import java.util.Set;

/**
 * The file layout of virtual tokens. In Hugging Face PEFT's files, the names of the method's own
 * tensors have no module. Modules that are also trained have names below {@code base_model.}.
 */
public final class PromptLayout<C extends PeftConfig> implements PeftLayout<C> {

  @Override
  public Set<String> types() {
    return Set.of("CPT", "IPT", "PREFIX_TUNING", "PROMPT_TUNING", "P_TUNING");
  }

  @Override
  public String tensorName(Site<?, ?> site, String key) {
    return site instanceof InputSite ? key : PeftLayout.super.tensorName(site, key);
  }

  @Override
  public String prefix() {
    return "base_model.";
  }
}
