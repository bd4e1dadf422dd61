package io.github.peft4j.methods.ptuning;

import io.github.peft4j.Configs;
import io.github.peft4j.methods.common.BaseMethod;
import io.github.peft4j.methods.common.prompt.ModelShape;
import io.github.peft4j.tuner.InputSite;
import io.github.peft4j.tuner.Sites;

/** P-tuning: the prompt is computed by an MLP or an LSTM, which is trained (Liu et al. 2021). */
public final class PTuning extends BaseMethod<PTuningConfig> {

  /** The method. */
  public PTuning() {
    super("P_TUNING", PTuningConfig.class);
  }

  @Override
  public PTuningConfig complete(PTuningConfig config, Sites sites) {
    ModelShape shape = ModelShape.of(sites).counting(config.tokens());
    PTuningConfig complete = shape.settle(config, shape.tokenDim(), shape.numAttentionHeads());
    return config.encoderHiddenSize() == null
        ? Configs.with(complete, "encoderHiddenSize", shape.tokenDim())
        : complete;
  }

  @Override
  public void inject(PTuningConfig config, Sites sites) {
    InputSite input = sites.all(InputSite.class).get(0);
    int rows = config.tokens().rows();
    sites.rewrite(
        input, new PromptEncoder(config, rows, input.embedding().dimension(), sites.initial()));
  }
}
