package io.github.peft4j.methods.bottleneck;

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
 * Settings of bottleneck adapters. Hugging Face PEFT has no such method: the fields have the names
 * of AdapterHub's BnConfig ({@code adapters} 1.3.0, configuration/adapter_config.py), and the
 * defaults of its SeqBnConfig.
 *
 * @param places where adapters stand
 * @param reductionFactor how many times smaller the bottleneck is than the hidden state; 16
 * @param nonLinearity f
 * @param norms which norms there are, and what is added before them
 * @param isParallel whether it stands beside its branch, and not behind it
 * @param scaling a number s, "learned" or "channel"; 1
 * @param dropout probability of an element of the adapter's output to be dropped, in [0, 1); 0
 * @param initWeights how the matrices start
 * @param useGating whether each adapter's output is multiplied by a trained gate, one for each text
 * @param invAdapter the invertible adapter at the embeddings, or null for none
 * @param invAdapterReductionFactor how many times smaller its maps' inner width is than half of the
 *     hidden state, above 0; null without one
 * @param phm whether and how the maps are sums of Kronecker products
 * @param initWeightsSeed the seed that the library started from, or null; kept, but not started
 *     from
 * @param modulesToSave modules trained whole and saved with the adapter, or null
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
    implements PeftConfig, BottleneckConfigWithers {

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

  /** Every field as the method's {@code adapter_config.json} has it. */
  public static BottleneckConfig defaults() {
    return Configs.withDefaults(BottleneckConfig.class);
  }

  /** Behind the feed-forward network alone (Pfeiffer et al. 2020, arXiv:2005.00247): seq_bn. */
  public static BottleneckConfig pfeiffer() {
    return defaults();
  }

  /**
   * Behind attention and the feed-forward network (Houlsby et al. 2019, arXiv:1902.00751):
   * double_seq_bn.
   */
  public static BottleneckConfig houlsby() {
    return pfeiffer().mhAdapter(true).originalLnBefore(false).nonLinearity(NonLinearity.SWISH);
  }

  /** Beside the feed-forward network, scaled by 4 (He et al. 2021, arXiv:2110.04366): par_bn. */
  public static BottleneckConfig parallel() {
    return pfeiffer()
        .isParallel(true)
        .originalLnBefore(false)
        .reductionFactor(2)
        .initWeights(InitWeights.MAM_ADAPTER)
        .scaling(4);
  }

  /** Beside the feed-forward network, with a learned scale that starts at 1: scaled_par_bn. */
  public static BottleneckConfig scaledParallel() {
    return parallel().scaling(Scaling.LEARNED);
  }

  /**
   * Behind attention and the feed-forward network, as sums of Kronecker products (Mahabadi et al.
   * 2021, arXiv:2106.04647): compacter.
   */
  public static BottleneckConfig compacter() {
    return kronecker(houlsby());
  }

  /** The same behind the feed-forward network alone: compacter++. */
  public static BottleneckConfig compacterPlusPlus() {
    return kronecker(pfeiffer());
  }

  private static BottleneckConfig kronecker(BottleneckConfig config) {
    return config.nonLinearity(NonLinearity.GELU).reductionFactor(32).phmLayer(true);
  }
}
