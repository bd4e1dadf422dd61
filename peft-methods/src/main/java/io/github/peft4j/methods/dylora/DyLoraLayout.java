package io.github.peft4j.methods.dylora;

import io.github.peft4j.adapter.layout.PeftLayout;
import io.github.peft4j.tuner.site.Rewrite;
import java.util.List;
import java.util.Set;

/** The file layout of DyLoRA. Its config has the rank that {@link InferenceRank} has set. */
public final class DyLoraLayout implements PeftLayout<DyLoraConfig> {

  @Override
  public Set<String> types() {
    return Set.of("DYLORA");
  }

  @Override
  public DyLoraConfig trained(DyLoraConfig config, List<Rewrite> layers) {
    int before = config.inferenceRank() == null ? config.r() : config.inferenceRank();
    return InferenceRank.of(layers)
        .filter(rank -> rank != before)
        .map(config::inferenceRank)
        .orElse(config);
  }
}
