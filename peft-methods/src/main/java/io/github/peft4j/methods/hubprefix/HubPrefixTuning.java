package io.github.peft4j.methods.hubprefix;

import io.github.peft4j.AdapterHubMethod;
import io.github.peft4j.UnsupportedMethodException;
import io.github.peft4j.methods.prompt.ModelShape;
import io.github.peft4j.tuner.AttentionSite;
import io.github.peft4j.tuner.InputSite;
import io.github.peft4j.tuner.Shared;
import io.github.peft4j.tuner.Site;
import io.github.peft4j.tuner.Sites;
import java.util.List;

/**
 * Prefix tuning (Li and Liang 2021, arXiv:2101.00190) as AdapterHub's library {@code adapters}
 * 1.3.0 computes it ({@code methods/prefix_tuning.py}): like {@link
 * io.github.peft4j.methods.prefixtuning.PrefixTuning}, but the first token keeps position 0.
 */
public final class HubPrefixTuning implements AdapterHubMethod<HubPrefixConfig> {

  @Override
  public String type() {
    return "ADAPTERHUB_PREFIX_TUNING";
  }

  @Override
  public String architecture() {
    return "prefix_tuning";
  }

  @Override
  public Class<HubPrefixConfig> configType() {
    return HubPrefixConfig.class;
  }

  /** Layers are counted through, an encoder's before a decoder's. */
  @Override
  public void inject(HubPrefixConfig config, Sites sites) {
    List<InputSite> inputs = sites.all(InputSite.class);
    int before = 0;
    for (InputSite input : inputs) {
      boolean encoder = inputs.size() > 1 && before == 0;
      List<AttentionSite> self = ModelShape.selfAttention(sites, input);
      List<AttentionSite> layers = without(config.leaveOut(), self, before);
      if (input.isRelative() && !layers.isEmpty() && layers.size() < self.size()) {
        throw new UnsupportedMethodException(
            "HubPrefixConfig: field 'leave_out' is "
                + config.leaveOut()
                + ", some of the layers of "
                + input.stack()
                + ", which AdapterHub's library then computes without their relative positions;"
                + " expected all layers of a stack or none");
      }
      if (!layers.isEmpty() && (config.encoderPrefix() || !encoder)) {
        HubPrefixes prefixes = new HubPrefixes(config, input, sites.initial());
        sites.rewrite(input, prefixes);
        attend(encoder ? "encoder_prefix" : "self_prefix", layers, prefixes, config, sites);
        if (config.crossPrefix()) {
          List<AttentionSite> cross = ModelShape.crossAttention(sites, input);
          attend("cross_prefix", cross, prefixes, config, sites);
        }
      }
      before += self.size();
    }
    if (sites.rewrites().stream().noneMatch(r -> r.layer() instanceof HubPrefixes)) {
      throw new IllegalArgumentException(
          "HubPrefixConfig: field 'leave_out' is " + config.leaveOut() + "; expected a layer left");
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
      HubPrefixes prefixes,
      HubPrefixConfig config,
      Sites sites) {
    if (layers.isEmpty()) {
      return;
    }
    Shared slots = prefixes.add(name, layers.size(), layers.get(0).heads());
    long d = sites.all(InputSite.class).get(0).embedding().dimension();
    for (int l = 0; l < layers.size(); l++) {
      sites.rewrite(
          layers.get(l), new HubPrefixAttention(config, slots, 2 * l, d, sites.initial()));
    }
  }

  @Override
  public String tensorName(Site<?, ?> site, String key) {
    return site instanceof AttentionSite
        ? modulePrefix() + site.name() + ".prefix_gates." + key
        : AdapterHubMethod.super.tensorName(site, key);
  }

  @Override
  public List<String> adapterHubNames(Site<?, ?> site, String key, String adapter) {
    return List.of(
        site instanceof InputSite input
            ? AdapterHubMethod.body(input.stack())
                + ("prefix_tuning.prefix_tunings." + adapter + "." + key)
            : site.name() + ".prefix_tuning.prefix_gates." + adapter + "." + key);
  }
}
