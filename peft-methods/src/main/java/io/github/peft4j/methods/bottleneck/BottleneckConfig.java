package io.github.peft4j.methods.bottleneck;

import io.github.peft4j.Configs;
import io.github.peft4j.PeftConfig;
import java.util.List;
import java.util.Map;
import org.jspecify.annotations.Nullable;

/**
 * Settings of bottleneck adapters. Hugging Face PEFT has no such method: the fields have the names
 * of AdapterHub's BnConfig ({@code adapters} 1.3.0, configuration/adapter_config.py), and the
 * defaults of its SeqBnConfig.
 *
 * @param mhAdapter whether there is an adapter at self-attention
 * @param crossAdapter whether there is one at a decoder's attention over the encoder
 * @param outputAdapter whether there is one at the feed-forward network
 * @param reductionFactor how many times smaller the bottleneck is than the hidden state; 16
 * @param nonLinearity f
 * @param originalLnBefore whether a serial adapter reads the normalised sum of its branch and the
 *     stream, and not the branch alone
 * @param residualBeforeLn what its output is added to then
 * @param lnBefore whether the adapter has a norm of its own in front
 * @param lnAfter whether it has one behind
 * @param adapterResidualBeforeLn whether a serial adapter's residual is added before that norm
 * @param isParallel whether it stands beside its branch, and not behind it
 * @param scaling a number s, "learned" or "channel"; 1
 * @param dropout probability of an element of the adapter's output to be dropped, in [0, 1); 0
 * @param leaveOut indices of layers without adapters, a decoder's counting on from its encoder's
 * @param initWeights how the matrices start
 * @param useGating whether each adapter's output is multiplied by a trained gate, one for each text
 * @param invAdapter the invertible adapter at the embeddings, or null for none
 * @param invAdapterReductionFactor how many times smaller its maps' inner width is than half of the
 *     hidden state, above 0; null without one
 * @param phmLayer whether both maps are sums of Kronecker products, as Compacter's; the fields that
 *     follow are about those
 * @param phmDim p, how many products, above 0; it divides the hidden state and the bottleneck; 4
 * @param phmRank r, above 0; 1
 * @param phmBias whether the maps have biases
 * @param learnPhm whether the Aᵢ are trained
 * @param sharedPhmRule whether all layers share the Aᵢ
 * @param factorizedPhmRule whether each Aᵢ is a product of rank 1
 * @param sharedWPhm whether all layers share the Bᵢ
 * @param factorizedPhmW whether each Bᵢ is a product of rank r
 * @param phmCInit how the Aᵢ start
 * @param phmInitRange deviation that shared ones start with, at least 0; 0.0001
 * @param initWeightsSeed the seed that the library started from, or null; kept, but not started
 *     from
 * @param modulesToSave modules trained whole and saved with the adapter, or null
 */
public record BottleneckConfig(
    boolean mhAdapter,
    boolean crossAdapter,
    boolean outputAdapter,
    Reduction reductionFactor,
    NonLinearity nonLinearity,
    boolean originalLnBefore,
    Residual residualBeforeLn,
    boolean lnBefore,
    boolean lnAfter,
    boolean adapterResidualBeforeLn,
    boolean isParallel,
    Scaling scaling,
    double dropout,
    List<Integer> leaveOut,
    Start initWeights,
    boolean useGating,
    @Nullable Invertible invAdapter,
    @Nullable Double invAdapterReductionFactor,
    boolean phmLayer,
    int phmDim,
    int phmRank,
    boolean phmBias,
    boolean learnPhm,
    boolean sharedPhmRule,
    boolean factorizedPhmRule,
    boolean sharedWPhm,
    boolean factorizedPhmW,
    RuleStart phmCInit,
    double phmInitRange,
    @Nullable Integer initWeightsSeed,
    @Nullable List<String> modulesToSave)
    implements PeftConfig {

  /** Checks the values. */
  public BottleneckConfig {
    require(dropout >= 0 && dropout < 1, "dropout", dropout, "a value in [0, 1)");
    require(
        mhAdapter || crossAdapter || outputAdapter,
        "output_adapter",
        outputAdapter,
        "true, or mh_adapter or cross_adapter to be");
    require(
        invAdapter == null || (invAdapterReductionFactor != null && invAdapterReductionFactor > 0),
        "inv_adapter_reduction_factor",
        invAdapterReductionFactor,
        "a number above 0, since there is an inv_adapter");
    require(phmDim > 0, "phm_dim", phmDim, "a number above 0");
    require(phmRank > 0, "phm_rank", phmRank, "a number above 0");
    require(phmInitRange >= 0, "phm_init_range", phmInitRange, "a number of at least 0");
    require(
        !phmLayer || initWeights == Start.bert,
        "init_weights",
        initWeights,
        "\"bert\", since there is a phm_layer, which starts in a way of its own");
    require(
        !phmLayer || !sharedWPhm || reductionFactor.byLayer().isEmpty(),
        "reduction_factor",
        reductionFactor,
        "one number, since layers share their maps by shared_W_phm");
  }

  private static void require(boolean fine, String field, @Nullable Object value, String expected) {
    Configs.require(fine, BottleneckConfig.class, field, value, expected);
  }

  /** Behind the feed-forward network alone (Pfeiffer et al. 2020, arXiv:2005.00247): seq_bn. */
  public static BottleneckConfig pfeiffer() {
    return Configs.withDefaults(BottleneckConfig.class);
  }

  /**
   * Behind attention and the feed-forward network (Houlsby et al. 2019, arXiv:1902.00751):
   * double_seq_bn.
   */
  public static BottleneckConfig houlsby() {
    BottleneckConfig both = Configs.with(pfeiffer(), "mhAdapter", true);
    return Configs.with(
        Configs.with(both, "originalLnBefore", false), "nonLinearity", NonLinearity.swish);
  }

  /** Beside the feed-forward network, scaled by 4 (He et al. 2021, arXiv:2110.04366): par_bn. */
  public static BottleneckConfig parallel() {
    BottleneckConfig beside = Configs.with(pfeiffer(), "isParallel", true);
    BottleneckConfig wide = Configs.with(beside.reduction(2), "originalLnBefore", false);
    return Configs.with(wide, "initWeights", Start.mam_adapter).scaling(4);
  }

  /** Beside the feed-forward network, with a learned scale that starts at 1: scaled_par_bn. */
  public static BottleneckConfig scaledParallel() {
    return Configs.with(parallel(), "scaling", Scaling.LEARNED);
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
    BottleneckConfig smooth = Configs.with(config, "nonLinearity", NonLinearity.gelu);
    return Configs.with(smooth.reduction(32), "phmLayer", true);
  }

  /** With a bottleneck so many times smaller than the hidden state. */
  public BottleneckConfig reduction(double factor) {
    return Configs.with(this, "reductionFactor", new Reduction(factor, Map.of()));
  }

  /** With this scale. */
  public BottleneckConfig scaling(double scale) {
    return Configs.with(this, "scaling", Scaling.of(scale));
  }

  /**
   * With an invertible adapter behind the embeddings and its inverse before a language model's
   * output (Pfeiffer et al. 2020, arXiv:2005.00052): seq_bn_inv, double_seq_bn_inv.
   *
   * @param reduction how many times smaller its inner width is than half of the hidden state; 2 in
   *     AdapterHub's library
   */
  public BottleneckConfig invertible(double reduction) {
    BottleneckConfig reduced = Configs.with(this, "invAdapterReductionFactor", reduction);
    return Configs.with(reduced, "invAdapter", Invertible.NICE);
  }

  /** With a gate for each adapter (Mao et al. 2021, arXiv:2110.07577). */
  public BottleneckConfig gated() {
    return Configs.with(this, "useGating", true);
  }

  /** With this dropout of the adapter's output. */
  public BottleneckConfig dropout(double probability) {
    return Configs.with(this, "dropout", probability);
  }

  /** Without adapters in these layers. */
  public BottleneckConfig leavingOut(Integer... layers) {
    return Configs.with(this, "leaveOut", List.of(layers));
  }
}
