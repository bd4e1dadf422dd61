package io.github.peft4j.methods.hubprefix;

import io.github.peft4j.AdapterHubMethod;
import io.github.peft4j.UnsupportedMethodException;
import io.github.peft4j.methods.prefixtuning.PrefixAttention;
import io.github.peft4j.methods.prompt.ModelShape;
import io.github.peft4j.tuner.AttentionSite;
import io.github.peft4j.tuner.InputSite;
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

  @Override
  public void inject(HubPrefixConfig config, Sites sites) {
    List<InputSite> inputs = sites.all(InputSite.class);
    if (inputs.size() > 1) {
      throw new UnsupportedMethodException(
          "AdapterHub's prefixes of encoder-decoder models are not supported: take Hugging Face"
              + " PEFT's prefix tuning");
    }
    InputSite input = inputs.get(0);
    List<AttentionSite> layers =
        ModelShape.selfAttention(sites, input).stream()
            .filter(site -> !config.leaveOut().contains(site.place().layer()))
            .toList();
    if (layers.isEmpty()) {
      throw new IllegalArgumentException(
          "HubPrefixConfig: field 'leave_out' is " + config.leaveOut() + "; expected a layer left");
    }
    HubPrefix prefix =
        new HubPrefix(
            config,
            layers.size(),
            layers.get(0).heads(),
            input.embedding().dimension(),
            sites.initial());
    sites.rewrite(input, prefix);
    for (int l = 0; l < layers.size(); l++) {
      sites.rewrite(layers.get(l), new PrefixAttention(prefix.slots(), 2 * l));
    }
  }

  @Override
  public List<String> adapterHubNames(Site<?, ?> site, String key, String adapter) {
    String body = ((InputSite) site).stack();
    return List.of(body + ".prefix_tuning.prefix_tunings." + adapter + ".self_prefix." + key);
  }
}
