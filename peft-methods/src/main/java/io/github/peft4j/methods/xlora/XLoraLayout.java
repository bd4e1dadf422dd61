package io.github.peft4j.methods.xlora;

import io.github.peft4j.adapter.layout.PeftLayout;
import io.github.peft4j.tuner.site.Site;
import java.util.Set;

/** The file layout of X-LoRA: the classifier of weights belongs to no module. */
public final class XLoraLayout implements PeftLayout<XLoraConfig> {

  @Override
  public Set<String> types() {
    return Set.of("XLORA");
  }

  @Override
  public String tensorName(Site<?, ?> site, String key) {
    return key.startsWith(Classifier.KEYS)
        ? storedName(key)
        : PeftLayout.super.tensorName(site, key);
  }
}
