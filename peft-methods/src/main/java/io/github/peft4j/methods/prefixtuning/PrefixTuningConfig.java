package io.github.peft4j.methods.prefixtuning;

import io.github.peft4j.Configs;
import io.github.peft4j.PeftConfig;
import java.util.List;
import org.jspecify.annotations.Nullable;

/**
 * Settings of prefix tuning, with the names and defaults of Hugging Face PEFT's PrefixTuningConfig.
 *
 * @param numVirtualTokens n, above 0; PEFT has no default, here it is 20
 * @param prefixProjection whether keys and values are computed by an MLP, which is trained
 * @param encoderHiddenSize its inner width; that of a layer's keys if left open
 * @param initWeights {@code "zero"} for a prefix of zeros at the start, or null for a random one
 * @param tokenDim length of a layer's keys, all heads together; read off the model
 * @param numLayers depth; read off the model
 * @param numAttentionHeads heads of keys and values; read off the model
 * @param numTransformerSubmodules 2 for an encoder and a decoder; read off the model
 * @param modulesToSave modules trained whole and saved with the adapter, or null
 */
public record PrefixTuningConfig(
    int numVirtualTokens,
    boolean prefixProjection,
    @Nullable Integer encoderHiddenSize,
    @Nullable String initWeights,
    @Nullable Integer tokenDim,
    @Nullable Integer numLayers,
    @Nullable Integer numAttentionHeads,
    @Nullable Integer numTransformerSubmodules,
    @Nullable List<String> modulesToSave)
    implements PeftConfig {

  /** Checks the values. */
  public PrefixTuningConfig {
    require(numVirtualTokens > 0, "num_virtual_tokens", numVirtualTokens, "a number above 0");
    require(
        encoderHiddenSize == null || encoderHiddenSize > 0,
        "encoder_hidden_size",
        encoderHiddenSize,
        "a number above 0");
    require(
        initWeights == null || initWeights.equals("zero"),
        "init_weights",
        initWeights,
        "\"zero\" or nothing");
  }

  private static void require(boolean fine, String field, @Nullable Object value, String expected) {
    Configs.require(fine, PrefixTuningConfig.class, field, value, expected);
  }

  /** PEFT's defaults with this many virtual tokens. */
  public static PrefixTuningConfig ofTokens(int n) {
    return Configs.with(Configs.withDefaults(PrefixTuningConfig.class), "numVirtualTokens", n);
  }

  /** With keys and values computed by an MLP of this inner width. */
  public PrefixTuningConfig projection(int hiddenSize) {
    return Configs.with(
        Configs.with(this, "encoderHiddenSize", hiddenSize), "prefixProjection", true);
  }

  /** With a prefix of zeros at the start. */
  public PrefixTuningConfig startingFromZero() {
    return Configs.with(this, "initWeights", "zero");
  }

  /** With these modules trained whole. */
  public PrefixTuningConfig saving(String... modules) {
    return Configs.with(this, "modulesToSave", List.of(modules));
  }
}
