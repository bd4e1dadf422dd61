package io.github.peft4j.methods.ptuning;

import io.github.peft4j.Configs;
import io.github.peft4j.PeftConfig;
import java.util.List;
import org.jspecify.annotations.Nullable;

/**
 * Settings of P-tuning, with the names and defaults of Hugging Face PEFT's PromptEncoderConfig.
 *
 * @param numVirtualTokens n, above 0; PEFT has no default, here it is 20
 * @param encoderReparameterizationType what computes the prompt
 * @param encoderHiddenSize its inner width; that of a token's vector if left open
 * @param encoderNumLayers layers of an LSTM, above 0; 2. An MLP has always three
 * @param encoderDropout between the layers of an LSTM, in [0, 1); 0
 * @param tokenDim length of a token's vector; read off the model
 * @param numLayers depth; read off the model
 * @param numAttentionHeads heads; read off the model
 * @param numTransformerSubmodules 2 for an encoder and a decoder; read off the model
 * @param modulesToSave modules trained whole and saved with the adapter, or null
 */
public record PTuningConfig(
    int numVirtualTokens,
    Encoder encoderReparameterizationType,
    @Nullable Integer encoderHiddenSize,
    int encoderNumLayers,
    double encoderDropout,
    @Nullable Integer tokenDim,
    @Nullable Integer numLayers,
    @Nullable Integer numAttentionHeads,
    @Nullable Integer numTransformerSubmodules,
    @Nullable List<String> modulesToSave)
    implements PeftConfig {

  /** What computes the prompt. */
  public enum Encoder {
    /** Three linear maps with ReLU between them. */
    MLP,
    /** A bidirectional LSTM and two linear maps. */
    LSTM
  }

  /** Checks the values. */
  public PTuningConfig {
    require(numVirtualTokens > 0, "num_virtual_tokens", numVirtualTokens, "a number above 0");
    require(
        encoderHiddenSize == null || encoderHiddenSize > 0,
        "encoder_hidden_size",
        encoderHiddenSize,
        "a number above 0");
    require(encoderNumLayers > 0, "encoder_num_layers", encoderNumLayers, "a number above 0");
    require(
        encoderDropout >= 0 && encoderDropout < 1,
        "encoder_dropout",
        encoderDropout,
        "a value in [0, 1)");
  }

  private static void require(boolean fine, String field, @Nullable Object value, String expected) {
    Configs.require(fine, PTuningConfig.class, field, value, expected);
  }

  /** PEFT's defaults with this many virtual tokens. */
  public static PTuningConfig ofTokens(int n) {
    return Configs.with(Configs.withDefaults(PTuningConfig.class), "numVirtualTokens", n);
  }

  /** With this encoder. */
  public PTuningConfig encoder(Encoder encoder) {
    return Configs.with(this, "encoderReparameterizationType", encoder);
  }

  /** With an encoder of this inner width. */
  public PTuningConfig hiddenSize(int size) {
    return Configs.with(this, "encoderHiddenSize", size);
  }

  /** With these modules trained whole. */
  public PTuningConfig saving(String... modules) {
    return Configs.with(this, "modulesToSave", List.of(modules));
  }
}
