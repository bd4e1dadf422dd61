package io.github.peft4j.methods.ptuning;

import ai.djl.ndarray.NDArray;
import io.github.peft4j.methods.common.BaseMethod;
import io.github.peft4j.methods.common.prompt.LstmNetwork;
import io.github.peft4j.methods.common.prompt.MlpNetwork;
import io.github.peft4j.methods.common.prompt.ModelShape;
import io.github.peft4j.methods.common.prompt.PromptNetwork;
import io.github.peft4j.tuner.injection.Initializer;
import io.github.peft4j.tuner.injection.Sites;
import io.github.peft4j.tuner.site.InputSite;
import java.util.Objects;

/** P-tuning: a trainable MLP or LSTM computes the prompt (Liu et al. 2021). */
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
        ? complete.encoderHiddenSize(shape.tokenDim())
        : complete;
  }

  @Override
  public void inject(PTuningConfig config, Sites sites) {
    InputSite input = sites.all(InputSite.class).get(0);
    long d = input.embedding().dimension();
    NDArray embedding = sites.initial().normal(1, config.tokens().rows(), d);
    sites.rewrite(
        input,
        new PromptEncoder(
            config.tokens().numVirtualTokens(),
            embedding,
            layer -> network(config, d, sites.initial(), layer)));
  }

  private static PromptNetwork network(
      PTuningConfig config, long d, Initializer initial, PromptNetwork.Declaring layer) {
    long hidden = Objects.requireNonNull(config.encoderHiddenSize());
    return switch (config.encoderReparameterizationType()) {
      case MLP -> new MlpNetwork(d, hidden, initial, layer);
      case LSTM ->
          new LstmNetwork(
              d, hidden, config.encoderNumLayers(), config.encoderDropout(), initial, layer);
    };
  }
}
