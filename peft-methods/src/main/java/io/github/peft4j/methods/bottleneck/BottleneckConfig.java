package io.github.peft4j.methods.bottleneck;

import io.github.peft4j.config.ConfigPart;
import io.github.peft4j.config.Configs;
import io.github.peft4j.config.PeftConfig;
import io.github.peft4j.methods.bottleneck.fields.InitWeights;
import io.github.peft4j.methods.bottleneck.fields.Invertible;
import io.github.peft4j.methods.bottleneck.fields.NonLinearity;
import io.github.peft4j.methods.bottleneck.fields.Norms;
import io.github.peft4j.methods.bottleneck.fields.Phm;
import io.github.peft4j.methods.bottleneck.fields.Places;
import io.github.peft4j.methods.bottleneck.fields.Reduction;
import io.github.peft4j.methods.bottleneck.fields.Scaling;
import io.github.peft4j.withers.Withers;
import java.util.List;
import org.jspecify.annotations.Nullable;

/**
 * Settings of bottleneck adapters. Hugging Face PEFT has no such method. The fields have the names
 * of AdapterHub's BnConfig ({@code adapters} 1.3.0, configuration/adapter_config.py), and the
 * defaults of its SeqBnConfig.
 *
 * @param places the places in a layer that have an adapter
 * @param reductionFactor the width of the hidden state divided by that of the bottleneck; 16
 * @param nonLinearity the non-linearity f between the two maps
 * @param norms the layer norms around the adapter, and what is added before them
 * @param isParallel true for an adapter parallel to its branch, false for one after it
 * @param scaling a number s, "learned" or "channel"; 1
 * @param dropout probability that an element of the adapter's output is dropped, in [0, 1); 0
 * @param initWeights how the matrices are initialised
 * @param useGating whether a trainable gate, computed for each text, multiplies the adapter's
 *     output
 * @param invAdapter the invertible adapter after the embeddings, or null for none
 * @param invAdapterReductionFactor half the width of the hidden state divided by the inner width of
 *     the invertible adapter, above 0; null without one
 * @param phm whether the maps are sums of Kronecker products (PHM), and their settings
 * @param initWeightsSeed the seed that AdapterHub initialised the adapter with, or null. It is kept
 *     in the file but not used
 * @param modulesToSave modules that are fully trained and saved with the adapter, or null for none
 */
@Withers
public record BottleneckConfig(
    Places places,
    Reduction reductionFactor,
    NonLinearity nonLinearity,
    Norms norms,
    boolean isParallel,
    Scaling scaling,
    double dropout,
    InitWeights initWeights,
    boolean useGating,
    @Nullable Invertible invAdapter,
    @Nullable Double invAdapterReductionFactor,
    Phm phm,
    @Nullable Integer initWeightsSeed,
    @Nullable List<String> modulesToSave)
    implements PeftConfig, ConfigPart, BottleneckConfigWithers {

  /** Checks the values. */
  public BottleneckConfig {
    Configs.check(BottleneckConfig.class)
        .probability("dropout", dropout)
        .finite("inv_adapter_reduction_factor", invAdapterReductionFactor)
        .finite("phm_init_range", phm.phmInitRange())
        .that(
            places.mhAdapter() || places.crossAdapter() || places.outputAdapter(),
            "output_adapter",
            places.outputAdapter(),
            "true, or mh_adapter or cross_adapter to be")
        .that(
            invAdapter == null
                || (invAdapterReductionFactor != null && invAdapterReductionFactor > 0),
            "inv_adapter_reduction_factor",
            invAdapterReductionFactor,
            "a number above 0, since there is an inv_adapter")
        .positive("phm_dim", phm.phmDim())
        .positive("phm_rank", phm.phmRank())
        .that(
            phm.phmInitRange() >= 0, "phm_init_range", phm.phmInitRange(), "a number of at least 0")
        .that(
            !phm.phmLayer() || initWeights == InitWeights.BERT,
            "init_weights",
            initWeights,
            "\"bert\", since there is a phm_layer, which starts in a way of its own")
        .that(
            !phm.phmLayer() || !phm.sharedWPhm() || reductionFactor.byLayer().isEmpty(),
            "reduction_factor",
            reductionFactor,
            "one number, since layers share their maps by shared_W_phm");
  }

  /** The default of each field of {@code adapter_config.json}. */
  public static BottleneckConfig defaults() {
    return Configs.withDefaults(BottleneckConfig.class);
  }

  /**
   * An adapter after the feed-forward network only (Pfeiffer et al. 2020, arXiv:2005.00247):
   * AdapterHub's seq_bn.
   */
  public static BottleneckConfig pfeiffer() {
    return defaults();
  }

  /**
   * Adapters after the attention and after the feed-forward network (Houlsby et al. 2019,
   * arXiv:1902.00751): AdapterHub's double_seq_bn.
   */
  public static BottleneckConfig houlsby() {
    return pfeiffer().mhAdapter(true).originalLnBefore(false).nonLinearity(NonLinearity.SWISH);
  }

  /**
   * An adapter with a LayerNorm of its own at its input, after each layer (Bapna and Firat 2019,
   * arXiv:1909.08478): for translation, with an adapter for each pair of languages.
   */
  public static BottleneckConfig bapna() {
    return pfeiffer().lnBefore(true);
  }

  /**
   * An adapter parallel to the feed-forward network, scaled by 4 (He et al. 2021,
   * arXiv:2110.04366): AdapterHub's par_bn.
   */
  public static BottleneckConfig parallel() {
    return pfeiffer()
        .isParallel(true)
        .originalLnBefore(false)
        .reductionFactor(2)
        .initWeights(InitWeights.MAM_ADAPTER)
        .scaling(4);
  }

  /**
   * An adapter parallel to the feed-forward network, with a learned scale that starts at 1:
   * AdapterHub's scaled_par_bn.
   */
  public static BottleneckConfig scaledParallel() {
    return parallel().scaling(Scaling.LEARNED);
  }

  /**
   * Adapters after the attention and after the feed-forward network, whose maps are sums of
   * Kronecker products (Mahabadi et al. 2021, arXiv:2106.04647): AdapterHub's compacter.
   */
  public static BottleneckConfig compacter() {
    return kronecker(houlsby());
  }

  /** Compacter with an adapter after the feed-forward network only: AdapterHub's compacter++. */
  public static BottleneckConfig compacterPlusPlus() {
    return kronecker(pfeiffer());
  }

  private static BottleneckConfig kronecker(BottleneckConfig config) {
    return config.nonLinearity(NonLinearity.GELU).reductionFactor(32).phmLayer(true);
  }
}
