package io.github.peft4j.methods.xlora;

import io.github.peft4j.composition.Composition;
import io.github.peft4j.config.Configs;
import io.github.peft4j.methods.common.BaseMethod;
import io.github.peft4j.methods.common.prompt.ModelShape;
import io.github.peft4j.tuner.injection.Sites;
import io.github.peft4j.tuner.site.InputSite;
import io.github.peft4j.tuner.site.LinearSite;
import io.github.peft4j.tuner.site.LinearSite.Role;
import io.github.peft4j.tuner.site.Site;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.Set;

/**
 * X-LoRA (Buehler and Buehler 2024): at every linear map that has adapters, W x + b + g Σᵢ pᵢ Δᵢ x.
 * A classifier makes the weights p of each token out of the frozen model's last hidden state. The
 * adapters exist before the mixture, which freezes them.
 */
public final class XLora extends BaseMethod<XLoraConfig> {

  /** The method. */
  public XLora() {
    super("XLORA", XLoraConfig.class);
  }

  @Override
  public XLoraConfig complete(XLoraConfig config, Sites sites) {
    int hidden = Math.toIntExact(ModelShape.hidden(sites, sites.all(InputSite.class).get(0)));
    return config.hiddenSize(
        Configs.settle(XLoraConfig.class, "hidden_size", config.hiddenSize(), hidden));
  }

  @Override
  public void inject(XLoraConfig config, Sites sites) {
    List<LinearSite> places = places(config, sites);
    Classifier classifier = null;
    for (int i = 0; i < places.size(); i++) {
      XLoraLinear layer =
          classifier == null
              ? XLoraLinear.first(config, places.size(), sites.initial())
              : new XLoraLinear(config, classifier, i);
      classifier = layer.classifier();
      sites.rewrite(places.get(i), layer);
    }
  }

  /**
   * The linear maps that any of the adapters changes. Modules that the mixture trains whole, such
   * as a classifier, are its own: those of the adapters do not count.
   */
  private static List<LinearSite> places(XLoraConfig config, Sites sites) {
    List<String> names = config.names();
    require(names.size() > 1, config, "two adapters at least");
    require(
        sites.all(InputSite.class).size() == 1, config, "a model without an encoder of its own");
    Set<LinearSite> places = new LinkedHashSet<>();
    for (String name : names) {
      List<Site<?, ?>> changed =
          all(sites).stream().filter(site -> sites.isRewritten(site, name)).toList();
      require(
          !changed.isEmpty(),
          config,
          "LoRA adapters that are on the model already: there is no '%s', load it first"
              .formatted(name));
      for (Site<?, ?> site : changed) {
        if (!sites.isReserved(site.name())) {
          places.add(mixed(site, name, config));
        }
      }
    }
    return sites.all(LinearSite.class).stream().filter(places::contains).toList();
  }

  private static LinearSite mixed(Site<?, ?> site, String name, XLoraConfig config) {
    boolean mixes =
        site instanceof LinearSite map
            && map.role() != Role.HEAD
            && map.role() != Role.HEAD_TRANSFORM;
    require(
        mixes,
        config,
        "LoRAs of linear maps in the model's layers alone, but '%s' changes %s: train it without that, in its target_modules or modules_to_save"
            .formatted(name, site.name()));
    return (LinearSite) site;
  }

  @SuppressWarnings("unchecked") // the class of all sites
  private static List<Site<?, ?>> all(Sites sites) {
    return (List<Site<?, ?>>) (List<?>) sites.all(Site.class);
  }

  private static void require(boolean fine, XLoraConfig config, String expected) {
    Configs.require(fine, XLoraConfig.class, "adapters", config.names(), expected);
  }

  @Override
  public Composition composition(String adapter, XLoraConfig config) {
    return Composition.fuse(adapter, config.names());
  }
}
