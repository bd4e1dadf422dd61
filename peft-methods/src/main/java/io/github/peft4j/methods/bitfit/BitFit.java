package io.github.peft4j.methods.bitfit;

import io.github.peft4j.methods.common.BaseMethod;
import io.github.peft4j.tuner.injection.Sites;
import io.github.peft4j.tuner.site.ParameterSite;
import java.util.List;

/** BitFit trains the model's biases and freezes everything else. */
public final class BitFit extends BaseMethod<BitFitConfig> {

  private static final String BIAS = ".bias";

  /** The method. */
  public BitFit() {
    super("BITFIT", BitFitConfig.class);
  }

  @Override
  public void inject(BitFitConfig config, Sites sites) {
    List<ParameterSite> biases =
        sites.parametersOf(config.targetModules(), config.excludeModules()).list().stream()
            .filter(site -> site.name().endsWith(BIAS))
            .toList();
    if (biases.isEmpty()) {
      throw new IllegalArgumentException(
          "BitFitConfig: field 'target_modules' is "
              + config.targetModules()
              + ", but no such module of this model has a bias; the model has "
              + sites.parameters(name -> name.endsWith(BIAS)).size()
              + " biases. Models without biases, such as Llama, need another method");
    }
    biases.forEach(sites::train);
  }
}
