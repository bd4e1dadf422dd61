package io.github.peft4j.methods.hira;

import ai.djl.ndarray.NDArray;
import io.github.peft4j.methods.common.linear.LinearMethod;
import io.github.peft4j.tuner.injection.Initializer;
import io.github.peft4j.tuner.site.EmbeddingSite;
import io.github.peft4j.tuner.site.LinearSite;

/** HiRA (Huang et al., ICLR 2025): W x + (W ∘ (B A)) x, of linear maps and embeddings. */
public final class Hira extends LinearMethod<HiraConfig> {

  /** The method. */
  public Hira() {
    super("HIRA", HiraConfig.class, Hira::linear, Hira::embedding);
  }

  private static HiraLinear linear(LinearSite site, HiraConfig config, Initializer initial) {
    int r = config.rankOf(site.name());
    NDArray a =
        switch (config.initWeights()) {
          case DEFAULT -> initial.kaimingUniform(r, site.inFeatures());
          case GAUSSIAN -> initial.normal(1.0 / r, r, site.inFeatures());
          case RANDOM -> initial.normal(1, r, site.inFeatures());
        };
    NDArray b =
        config.initWeights() == HiraInitialization.RANDOM
            ? initial.normal(1, site.outFeatures(), r)
            : initial.zeros(site.outFeatures(), r);
    return new HiraLinear(site, a, b, config.hiraDropout());
  }

  /** As with LoRA, A of an embedding is the factor that starts as zero. */
  private static HiraEmbedding embedding(
      EmbeddingSite site, HiraConfig config, Initializer initial) {
    int r = config.rankOf(site.name());
    NDArray a =
        config.initWeights() == HiraInitialization.RANDOM
            ? initial.normal(1, r, site.entries())
            : initial.zeros(r, site.entries());
    return new HiraEmbedding(site, a, initial.normal(1, site.dimension(), r));
  }
}
