package io.github.peft4j.methods.said;

import io.github.peft4j.adapter.layout.PeftLayout;
import io.github.peft4j.tuner.site.Site;
import java.util.Set;

/** The names of SAID's tensors, which belong to no module. */
public final class SaidLayout implements PeftLayout<SaidConfig> {

  @Override
  public Set<String> types() {
    return Set.of("SAID");
  }

  @Override
  public String tensorName(Site<?, ?> site, String key) {
    return key.startsWith(Subspace.KEYS) ? storedName(key) : PeftLayout.super.tensorName(site, key);
  }
}
