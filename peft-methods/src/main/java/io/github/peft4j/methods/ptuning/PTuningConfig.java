package io.github.peft4j.methods.ptuning;

import io.github.peft4j.config.Configs;
import io.github.peft4j.methods.common.prompt.PromptConfig;
import io.github.peft4j.methods.common.prompt.VirtualTokens;
import io.github.peft4j.withers.Withers;
import org.jspecify.annotations.Nullable;

/**
 * Settings of P-tuning, with the names and defaults of Hugging Face PEFT's PromptEncoderConfig.
 *
 * @param tokens how many virtual tokens, and of what model
 * @param encoderReparameterizationType what computes the prompt
 * @param encoderHiddenSize its inner width; that of a token's vector if left open
 * @param encoderNumLayers layers of an LSTM, above 0; 2. An MLP has always three
 * @param encoderDropout between the layers of an LSTM, in [0, 1); 0
 */
@Withers
public record PTuningConfig(
    VirtualTokens tokens,
    Encoder encoderReparameterizationType,
    @Nullable Integer encoderHiddenSize,
    int encoderNumLayers,
    double encoderDropout)
    implements PromptConfig<PTuningConfig>, PTuningConfigWithers {

  /** What computes the prompt. */
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

  /** Every field as the method's {@code adapter_config.json} has it. */
  public static PTuningConfig defaults() {
    return Configs.withDefaults(PTuningConfig.class);
  }

  /** PEFT's defaults with this many virtual tokens. */
  public static PTuningConfig ofVirtualTokens(int n) {
    return defaults().numVirtualTokens(n);
  }
}
