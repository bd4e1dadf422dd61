package io.github.peft4j.methods.adapterhub.prefixtuning;

import io.github.peft4j.config.Configs;
import io.github.peft4j.config.PeftConfig;
import io.github.peft4j.withers.Withers;
import java.util.List;
import org.jspecify.annotations.Nullable;

/**
 * Settings of AdapterHub's prefix tuning, with the names and defaults of its PrefixTuningConfig
 * ({@code adapters} 1.3.0, configuration/adapter_config.py).
 *
 * @param prefixLength number n of virtual tokens, above 0; 30
 * @param flat true to train the keys and values directly, false to train a network that computes
 *     them
 * @param bottleneckSize hidden width of the network, above 0; 512
 * @param nonLinearity non-linearity of the network: "tanh", "relu", "gelu" or "silu"
 * @param dropout probability that an element of the keys and values is dropped, in [0, 1); 0
 * @param leaveOut indices of the layers without a prefix. A decoder's layers are counted after its
 *     encoder's
 * @param encoderPrefix whether the encoder of an encoder-decoder has a prefix
 * @param crossPrefix whether the cross-attention of a decoder has a prefix
 * @param useGating whether trainable gates scale the prefix for each text
 * @param sharedGating whether the keys and the values of a layer share one gate
 * @param initWeightsSeed the seed that AdapterHub initialised the adapter with, or null. It is kept
 *     in the file but not used
 * @param modulesToSave modules that are fully trained and saved with the adapter, or null for none
 */
@Withers
public record AdapterHubPrefixConfig(
    int prefixLength,
    boolean flat,
    int bottleneckSize,
    String nonLinearity,
    double dropout,
    List<Integer> leaveOut,
    boolean encoderPrefix,
    boolean crossPrefix,
    boolean useGating,
    boolean sharedGating,
    @Nullable Integer initWeightsSeed,
    @Nullable List<String> modulesToSave)
    implements PeftConfig, AdapterHubPrefixConfigWithers {

  /** Checks the values. */
  public AdapterHubPrefixConfig {
    Configs.check(AdapterHubPrefixConfig.class)
        .positive("prefix_length", prefixLength)
        .positive("bottleneck_size", bottleneckSize)
        .that(
            List.of("tanh", "relu", "gelu", "silu").contains(nonLinearity),
            "non_linearity",
            nonLinearity,
            "one of tanh, relu, gelu, silu")
        .probability("dropout", dropout);
  }

  /** The default of each field of {@code adapter_config.json}. */
  public static AdapterHubPrefixConfig defaults() {
    return Configs.withDefaults(AdapterHubPrefixConfig.class);
  }

  /** AdapterHub's defaults with this many virtual tokens. */
  public static AdapterHubPrefixConfig ofVirtualTokens(int n) {
    return defaults().prefixLength(n);
  }
}
