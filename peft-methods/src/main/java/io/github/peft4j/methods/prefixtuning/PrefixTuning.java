package io.github.peft4j.methods.prefixtuning;

import io.github.peft4j.Configs;
import io.github.peft4j.methods.prompt.ModelShape;
import io.github.peft4j.methods.prompt.PromptMethod;
import io.github.peft4j.tuner.AttentionSite;
import io.github.peft4j.tuner.InputSite;
import io.github.peft4j.tuner.Sites;
import java.util.List;

/**
 * Prefix tuning: n trained keys and values for each layer of the last stack (Li and Liang 2021).
 */
public final class PrefixTuning implements PromptMethod<PrefixTuningConfig> {

  @Override
  public String type() {
    return "PREFIX_TUNING";
  }

  @Override
  public Class<PrefixTuningConfig> configType() {
    return PrefixTuningConfig.class;
  }

  @Override
  public PrefixTuningConfig complete(PrefixTuningConfig config, Sites sites) {
    ModelShape shape = ModelShape.of(sites);
    int keyDimension = shape.headDimension() * shape.numKeyValueHeads();
    PrefixTuningConfig complete = shape.settle(config, keyDimension, shape.numKeyValueHeads());
    return config.encoderHiddenSize() == null
        ? Configs.with(complete, "encoderHiddenSize", keyDimension)
        : complete;
  }

  /**
   * Layer l reads slots 2l and 2l + 1 of 2 L. An encoder-decoder's files say twice as many, the
   * second half being the first again, of which a decoder layer takes every other pair: as PEFT
   * splits them.
   */
  @Override
  public void inject(PrefixTuningConfig config, Sites sites) {
    ModelShape shape = ModelShape.of(sites);
    List<InputSite> inputs = sites.all(InputSite.class);
    InputSite input = inputs.get(inputs.size() - 1);
    List<AttentionSite> layers = ModelShape.selfAttention(sites, input);
    Prefix prefix = new Prefix(config, shape, sites.initial());
    sites.rewrite(input, prefix);
    for (int l = 0; l < Math.min(shape.numLayers(), layers.size()); l++) {
      int slot = 2 * inputs.size() * l % (2 * shape.numLayers());
      sites.rewrite(layers.get(l), new PrefixAttention(prefix.slots(), slot));
    }
  }
}
