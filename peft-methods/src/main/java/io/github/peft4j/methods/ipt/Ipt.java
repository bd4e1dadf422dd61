package io.github.peft4j.methods.ipt;

import io.github.peft4j.methods.common.BaseMethod;
import io.github.peft4j.methods.common.prompt.LstmNetwork;
import io.github.peft4j.methods.common.prompt.MlpNetwork;
import io.github.peft4j.methods.common.prompt.ModelShape;
import io.github.peft4j.methods.common.prompt.PromptNetwork;
import io.github.peft4j.tuner.Declarations;
import io.github.peft4j.tuner.injection.Initializer;
import io.github.peft4j.tuner.injection.Sites;
import io.github.peft4j.tuner.site.InputSite;

/**
 * Instance-wise prompt tuning: each text has virtual tokens that a trained network makes from the
 * text (Jiang et al. 2022).
 */
public final class Ipt extends BaseMethod<IptConfig> {

  /** The method. */
  public Ipt() {
    super("IPT", IptConfig.class);
  }

  @Override
  public void inject(IptConfig config, Sites sites) {
    InputSite input = sites.all(InputSite.class).get(0);
    int n = config.numVirtualTokens();
    Initializer.count(n, input.embedding().dimension()); // refuses what no prompt can have
    sites.rewrite(input, new InstancePrompt(n, layer -> source(config, n, input, sites, layer)));
  }

  private static PromptSource source(
      IptConfig config, int n, InputSite input, Sites sites, Declarations layer) {
    long d = input.embedding().dimension();
    Initializer initial = sites.initial();
    if (config.promptSource() == IptConfig.Source.STATES) {
      long states = ModelShape.hidden(sites, input);
      return new PooledStates(states, n, d, config.encoderHiddenSize(), initial, layer);
    }
    return new FirstTokens(
        n, table(config, input, initial, layer), network(config, d, initial, layer));
  }

  private static TokenVectors table(
      IptConfig config, InputSite input, Initializer initial, Declarations layer) {
    long d = input.embedding().dimension();
    double range = config.randomRange();
    return switch (config.tokenTable()) {
      case MODEL -> new TokenVectors(input.embedding().weight()::frozen, initial.zeros(d), layer);
      case COPY ->
          new TokenVectors(
              initial.copy(input.embedding().weight().frozen()), initial.zeros(d), layer);
      case RANDOM ->
          new TokenVectors(
              initial.uniform(range, input.embedding().entries(), d),
              initial.uniform(range, d),
              layer);
    };
  }

  private static PromptNetwork network(
      IptConfig config, long d, Initializer initial, Declarations layer) {
    long hidden = config.encoderHiddenSize();
    PromptNetwork.Declaring declare =
        (name, value) -> layer.trainable("prompt_encoder." + name, value);
    return switch (config.promptEncoder()) {
      case NONE -> (vectors, training) -> vectors;
      case MLP -> new MlpNetwork(d, hidden, initial, declare);
      case CNN -> new ConvolutionNetwork(d, hidden, initial, declare);
      case LSTM ->
          new LstmNetwork(
              d, hidden, config.encoderNumLayers(), config.encoderDropout(), initial, declare);
    };
  }
}
