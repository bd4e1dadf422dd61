package io.github.peft4j.toy;

import io.github.peft4j.method.PeftMethod;
import io.github.peft4j.tuner.injection.Sites;
import io.github.peft4j.tuner.site.LinearSite;

/** The toy method: every linear map gets a scale and a shift, two numbers in all. */
public final class Toy implements PeftMethod<ToyConfig> {

  @Override
  public String type() {
    return "TOY";
  }

  @Override
  public Class<ToyConfig> configType() {
    return ToyConfig.class;
  }

  @Override
  public void inject(ToyConfig config, Sites sites) {
    for (LinearSite site :
        sites
            .linear(config.targetModules(), LinearSite.Role.QUERY)
            .excluding(config.excludeModules())
            .inLayers(config.layersToTransform(), null)
            .required()) {
      sites.rewrite(
          site,
          new ToyLayer(
              sites.initial(site).filled(config.scale(), 1),
              sites.initial(site).filled(config.shift(), 1)));
    }
  }
}
