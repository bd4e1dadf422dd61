package io.github.peft4j.methods.adapterhub.prefixtuning;

import io.github.peft4j.config.UnsupportedMethodException;
import io.github.peft4j.methods.common.BaseMethod;
import io.github.peft4j.methods.common.prompt.ModelShape;
import io.github.peft4j.tuner.SharedTensor;
import io.github.peft4j.tuner.injection.Sites;
import io.github.peft4j.tuner.site.AttentionSite;
import io.github.peft4j.tuner.site.InputSite;
import java.util.List;

/**
 * Prefix tuning (Li and Liang 2021, arXiv:2101.00190) as AdapterHub's library {@code adapters}
 * 1.3.0 computes it ({@code methods/prefix_tuning.py}): like {@link
 * io.github.peft4j.methods.prefixtuning.PrefixTuning}, but the first token keeps position 0.
 */
public final class AdapterHubPrefixTuning extends BaseMethod<AdapterHubPrefixConfig> {

  /** The method. */
  public AdapterHubPrefixTuning() {
    super("ADAPTERHUB_PREFIX_TUNING", AdapterHubPrefixConfig.class);
  }

  /** Layers have consecutive numbers: an encoder's come before a decoder's. */
  @Override
  public void inject(AdapterHubPrefixConfig config, Sites sites) {
    List<InputSite> inputs = sites.all(InputSite.class);
    int before = 0;
    for (InputSite input : inputs) {
      boolean encoder = inputs.size() > 1 && before == 0;
      List<AttentionSite> self = ModelShape.selfAttention(sites, input);
      List<AttentionSite> layers = without(config.leaveOut(), self, before);
      if (input.isRelative() && !layers.isEmpty() && layers.size() < self.size()) {
        throw new UnsupportedMethodException(
            "AdapterHubPrefixConfig: field 'leave_out' is "
                + config.leaveOut()
                + ", some of the layers of "
                + input.stack()
                + ", which AdapterHub's library then computes without their relative positions;"
                + " expected all layers of a stack or none");
      }
      if (!layers.isEmpty() && (config.encoderPrefix() || !encoder)) {
        AdapterHubPrefixes prefixes =
            new AdapterHubPrefixes(
                config.prefixLength(),
                config.flat()
                    ? null
                    : new AdapterHubPrefixes.Network(
                        config.bottleneckSize(), config.nonLinearity()),
                input,
                ModelShape.hidden(sites, input),
                sites.initial());
        sites.rewrite(input, prefixes);
        attend(encoder ? "encoder_prefix" : "self_prefix", layers, prefixes, config, sites);
        if (config.crossPrefix()) {
          List<AttentionSite> cross = ModelShape.crossAttention(sites, input);
          attend("cross_prefix", cross, prefixes, config, sites);
        }
      }
      before += self.size();
    }
    if (sites.rewrites().stream().noneMatch(r -> r.layer() instanceof AdapterHubPrefixes)) {
      throw new IllegalArgumentException(
          "AdapterHubPrefixConfig: field 'leave_out' is "
              + config.leaveOut()
              + "; expected a layer left");
    }
  }

  private static List<AttentionSite> without(
      List<Integer> leaveOut, List<AttentionSite> layers, int before) {
    return layers.stream()
        .filter(site -> !leaveOut.contains(before + site.place().layer()))
        .toList();
  }

  private static void attend(
      String name,
      List<AttentionSite> layers,
      AdapterHubPrefixes prefixes,
      AdapterHubPrefixConfig config,
      Sites sites) {
    if (layers.isEmpty()) {
      return;
    }
    SharedTensor prefix = prefixes.add(name, layers.size(), layers.get(0).heads());
    long d = ModelShape.hidden(sites, sites.all(InputSite.class).get(0));
    int gates = !config.useGating() ? 0 : config.sharedGating() ? 1 : 2;
    for (int l = 0; l < layers.size(); l++) {
      sites.rewrite(
          layers.get(l),
          new AdapterHubPrefixAttention(
              prefix, l, gates, d, config.dropout(), sites.initial(layers.get(l))));
    }
  }
}
