package io.github.peft4j.methods.ptuning;

import io.github.peft4j.config.Configs;
import io.github.peft4j.methods.common.prompt.PromptConfig;
import io.github.peft4j.methods.common.prompt.VirtualTokens;
import io.github.peft4j.withers.Withers;
import org.jspecify.annotations.Nullable;

/**
 * Settings of P-tuning (Liu et al. 2021, arXiv:2103.10385), with the names and defaults of Hugging
 * Face PEFT's PromptEncoderConfig.
 *
 * @param tokens the number of virtual tokens, and the shape of the model they are for
 * @param encoderReparameterizationType the network that computes the prompt; {@code MLP}
 * @param encoderHiddenSize the network's hidden width; null for the length of a token's vector
 * @param encoderNumLayers number of LSTM layers, above 0; 2. An MLP always has three layers
 * @param encoderDropout dropout probability between the layers of an LSTM, in [0, 1); 0
 */
@Withers
public record PTuningConfig(
    VirtualTokens tokens,
    Encoder encoderReparameterizationType,
    @Nullable Integer encoderHiddenSize,
    int encoderNumLayers,
    double encoderDropout)
    implements PromptConfig<PTuningConfig>, PTuningConfigWithers {

  /** The network that computes the prompt. */
  public enum Encoder {
    /** Three linear maps with ReLU between them. */
    MLP,
    /** A bidirectional LSTM and two linear maps. */
    LSTM
  }

  /** Checks the values. */
  public PTuningConfig {
    Configs.check(PTuningConfig.class)
        .positive("num_virtual_tokens", tokens.numVirtualTokens())
        .positive("encoder_hidden_size", encoderHiddenSize)
        .positive("encoder_num_layers", encoderNumLayers)
        .probability("encoder_dropout", encoderDropout);
  }

  /** PEFT's default for each field of {@code adapter_config.json}. */
  public static PTuningConfig defaults() {
    return Configs.withDefaults(PTuningConfig.class);
  }

  /** PEFT's defaults with this many virtual tokens. */
  public static PTuningConfig ofVirtualTokens(int n) {
    return defaults().numVirtualTokens(n);
  }
}
