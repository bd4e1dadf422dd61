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
 * @param prefixLength n, above 0; 30
 * @param flat whether the keys and values are trained themselves, and not a network that makes them
 * @param bottleneckSize the network's inner width, above 0; 512
 * @param nonLinearity its non-linearity: "tanh", "relu", "gelu" or "silu"
 * @param dropout probability of a number of the keys and values to be dropped, in [0, 1); 0
 * @param leaveOut indices of layers without a prefix, a decoder's counting on from its encoder's
 * @param encoderPrefix whether the encoder of an encoder-decoder has one
 * @param crossPrefix whether a decoder's attention over the encoder has one
 * @param useGating whether trained gates say for each text how far the prefix counts
 * @param sharedGating whether a layer's keys and values have one gate, and not one each
 * @param initWeightsSeed the seed that the library started from, or null; kept, but not started
 *     from
 * @param modulesToSave modules trained whole and saved with the adapter, or null
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

  /** Every field as the method's {@code adapter_config.json} has it. */
  public static AdapterHubPrefixConfig defaults() {
    return Configs.withDefaults(AdapterHubPrefixConfig.class);
  }

  /** The library's defaults with this many virtual tokens. */
  public static AdapterHubPrefixConfig ofVirtualTokens(int n) {
    return defaults().prefixLength(n);
  }
}
