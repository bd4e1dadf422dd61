package io.github.peft4j.methods.prefixtuning;

import io.github.peft4j.methods.common.BaseMethod;
import io.github.peft4j.methods.common.prompt.ModelShape;
import io.github.peft4j.methods.common.prompt.PastKeyValues;
import io.github.peft4j.tuner.injection.Sites;
import io.github.peft4j.tuner.site.AttentionSite;
import io.github.peft4j.tuner.site.InputSite;
import java.util.List;

/**
 * Prefix tuning: n trainable keys and values in each layer of the last stack (Li and Liang 2021).
 */
public final class PrefixTuning extends BaseMethod<PrefixTuningConfig> {

  /** The method. */
  public PrefixTuning() {
    super("PREFIX_TUNING", PrefixTuningConfig.class);
  }

  @Override
  public void inject(PrefixTuningConfig config, Sites sites) {
    ModelShape shape = ModelShape.of(sites);
    List<InputSite> inputs = sites.all(InputSite.class);
    InputSite input = inputs.get(inputs.size() - 1);
    Prefix prefix =
        new Prefix(
            config.tokens().numVirtualTokens(),
            shape,
            config.prefixProjection() ? config.encoderHiddenSize() : null,
            config.initWeights() != null,
            sites.initial());
    sites.rewrite(input, prefix);
    List<AttentionSite> layers = ModelShape.selfAttention(sites, input);
    for (int l = 0; l < Math.min(shape.numLayers(), layers.size()); l++) {
      int place = PastKeyValues.placeInPeft(l, inputs.size(), shape.numLayers());
      sites.rewrite(layers.get(l), new PrefixAttention(prefix.pastKeyValues(), place));
    }
  }

  @Override
  public PrefixTuningConfig complete(PrefixTuningConfig config, Sites sites) {
    ModelShape shape = ModelShape.of(sites);
    requireBothStacks(config, shape);
    int keyDimension = shape.headDimension() * shape.numKeyValueHeads();
    PrefixTuningConfig complete = shape.settle(config, keyDimension, shape.numKeyValueHeads());
    return config.encoderHiddenSize() == null ? complete.encoderHiddenSize(keyDimension) : complete;
  }

  /**
   * Refuses a prefix for only one stack of an encoder-decoder, which PEFT 0.21 does not compute
   * correctly. Its cache has no place for cross-attention, which then also attends to the prefix
   * and to later tokens of the decoder, and fails if the encoder's input is padded.
   */
  private static void requireBothStacks(PrefixTuningConfig config, ModelShape shape) {
    Integer submodules = config.tokens().numTransformerSubmodules();
    if (shape.numTransformerSubmodules() == 2 && submodules != null && submodules == 1) {
      throw new IllegalArgumentException(
          "PrefixTuningConfig: field 'num_transformer_submodules' is 1; expected 2, or nothing, as"
              + " the model has an encoder and a decoder. With 1 Hugging Face PEFT 0.21 computes no"
              + " prefix: it lets cross-attention see the decoder's later tokens, and fails on"
              + " padded inputs. Train the adapter again with 2");
    }
  }
}
