package io.github.peft4j.methods.ipt;

import io.github.peft4j.config.Configs;
import io.github.peft4j.config.PeftConfig;
import io.github.peft4j.withers.Withers;
import java.util.List;
import org.jspecify.annotations.Nullable;

/**
 * Settings of instance-wise prompt tuning (Jiang et al. 2022, arXiv:2206.01958). Hugging Face PEFT
 * has no such method.
 *
 * @param numVirtualTokens the number n of virtual tokens, above 0; 20
 * @param promptSource what a prompt is made from; {@code TOKENS}
 * @param tokenTable the vectors of the tokens that a prompt is made from; {@code MODEL}. It is of
 *     no use to prompts of {@code STATES}
 * @param promptEncoder the network that makes a prompt; {@code MLP}
 * @param encoderHiddenSize the network's hidden width, above 0; 100, as in the authors' code
 * @param encoderNumLayers number of LSTM layers, above 0; 1
 * @param encoderDropout dropout probability between the layers of an LSTM, in [0, 1); 0
 * @param randomRange a {@code RANDOM} table starts uniformly between this number and its negative,
 *     above 0; 0.5
 * @param modulesToSave modules that are fully trained and saved with the adapter, or null for none
 */
@Withers
public record IptConfig(
    int numVirtualTokens,
    Source promptSource,
    Table tokenTable,
    Encoder promptEncoder,
    int encoderHiddenSize,
    int encoderNumLayers,
    double encoderDropout,
    double randomRange,
    @Nullable List<String> modulesToSave)
    implements PeftConfig, IptConfigWithers {

  /** What a prompt is made from. */
  public enum Source {
    /** The text's first n tokens. */
    TOKENS,
    /** The mean of the frozen model's last hidden states; those of the encoder, if there is one. */
    STATES
  }

  /** The vectors of tokens. */
  public enum Table {
    /** Those of the model, which are not trained. */
    MODEL,
    /** A trained table that starts as a copy of the model's. */
    COPY,
    /** A trained table that starts at random. */
    RANDOM
  }

  /** The network that makes a prompt. */
  public enum Encoder {
    /** None: the prompt is the tokens' vectors. */
    NONE,
    /** Linear maps with ReLU between them: three for each token, or two of the mean state. */
    MLP,
    /** A convolution over three tokens, ReLU and a linear map. */
    CNN,
    /** A bidirectional LSTM and two linear maps. */
    LSTM
  }

  /** Checks the values. */
  public IptConfig {
    Configs.check(IptConfig.class)
        .positive("num_virtual_tokens", numVirtualTokens)
        .positive("encoder_hidden_size", encoderHiddenSize)
        .positive("encoder_num_layers", encoderNumLayers)
        .probability("encoder_dropout", encoderDropout)
        .positive("random_range", randomRange)
        .that(
            promptSource == Source.TOKENS || promptEncoder == Encoder.MLP,
            "prompt_encoder",
            promptEncoder,
            "MLP, since prompt_source is STATES")
        .that(
            promptSource == Source.TOKENS || tokenTable == Table.MODEL,
            "token_table",
            tokenTable,
            "MODEL, since prompt_source is STATES, which needs no vectors of tokens")
        .that(
            promptEncoder != Encoder.NONE || tokenTable != Table.MODEL,
            "token_table",
            tokenTable,
            "COPY or RANDOM, since prompt_encoder is NONE and the table is all there is to train");
  }

  /** The defaults. */
  public static IptConfig defaults() {
    return Configs.withDefaults(IptConfig.class);
  }

  /** The defaults with this many virtual tokens. */
  public static IptConfig ofVirtualTokens(int n) {
    return defaults().numVirtualTokens(n);
  }
}
