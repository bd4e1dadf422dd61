package io.github.peft4j.methods.vblora;

import io.github.peft4j.config.Configs;
import io.github.peft4j.methods.common.linear.TargetedMethod;
import io.github.peft4j.tuner.injection.Initializer;
import io.github.peft4j.tuner.injection.Sites;
import io.github.peft4j.tuner.site.LinearSite;
import java.util.List;
import org.jspecify.annotations.Nullable;

/**
 * VB-LoRA (Li et al. 2024): W x + B A x, where parts of A's rows and B's columns are mixtures of a
 * few vectors out of a bank that all modules share.
 */
public final class VbLora extends TargetedMethod<VbLoraConfig> {

  /** The method. */
  public VbLora() {
    super("VBLORA", VbLoraConfig.class);
  }

  @Override
  public void inject(VbLoraConfig config, Sites sites) {
    refuseEmbeddings(config, sites);
    List<LinearSite> targets = config.targets().linear(sites).required();
    VbLoraLinear first = null;
    for (LinearSite site : targets) {
      requireDivisor(site.inFeatures(), "inputs", site, config);
      requireDivisor(site.outFeatures(), "outputs", site, config);
      VbLoraLinear layer = layer(site, config, first, sites.initial(site));
      first = first == null ? layer : first;
      sites.rewrite(site, layer);
    }
    config.bias().train(targets, sites);
  }

  private static void requireDivisor(long side, String what, LinearSite site, VbLoraConfig config) {
    Configs.require(
        side % config.vectorLength() == 0,
        VbLoraConfig.class,
        "vector_length",
        config.vectorLength(),
        "a divisor of " + side + ", the number of " + what + " of " + site.name());
  }

  private static VbLoraLinear layer(
      LinearSite site, VbLoraConfig config, @Nullable VbLoraLinear first, Initializer initial) {
    long n = config.numVectors();
    long length = config.vectorLength();
    double deviation = config.initLogitsStd();
    return new VbLoraLinear(
        site,
        first,
        () -> initial.main().uniform(config.initVectorBankBound(), n, length),
        initial.normal(deviation, config.r(), site.inFeatures() / length, n),
        initial.normal(deviation, site.outFeatures() / length, config.r(), n),
        config);
  }
}
