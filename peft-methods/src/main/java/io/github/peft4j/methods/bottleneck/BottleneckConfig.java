package io.github.peft4j.methods.bottleneck;

import io.github.peft4j.Configs;
import io.github.peft4j.PeftConfig;
import java.util.List;
import org.jspecify.annotations.Nullable;

/**
 * Settings of bottleneck adapters. Hugging Face PEFT has no such method: the fields have the names
 * and defaults of AdapterHub's BnConfig (v1.2), in a file of PEFT's style.
 *
 * @param mhAdapter whether there is an adapter at attention
 * @param outputAdapter whether there is one at the feed-forward network
 * @param reductionFactor how many times smaller the bottleneck is than the hidden state; 16
 * @param nonLinearity f
 * @param originalLnBefore whether a serial adapter reads the normalised sum of its branch and the
 *     stream, and not the branch alone
 * @param isParallel whether it stands beside its branch, and not behind it
 * @param scaling a number s, or "learned"; 1
 * @param dropout probability of an element of the adapter's input to be dropped, in [0, 1); 0
 * @param leaveOut indices of layers without adapters
 * @param initWeights how the matrices start
 * @param modulesToSave modules trained whole and saved with the adapter, or null
 */
public record BottleneckConfig(
    boolean mhAdapter,
    boolean outputAdapter,
    double reductionFactor,
    NonLinearity nonLinearity,
    boolean originalLnBefore,
    boolean isParallel,
    Scaling scaling,
    double dropout,
    List<Integer> leaveOut,
    Start initWeights,
    @Nullable List<String> modulesToSave)
    implements PeftConfig {

  /** What stands between the two maps. */
  public enum NonLinearity {
    /** max(x, 0). */
    relu("torch.relu"),
    /** x σ(x), also called SiLU. */
    swish("torch.silu"),
    /** x Φ(x). */
    gelu("torch.gelu"),
    /** The hyperbolic tangent. */
    tanh("torch.tanh");

    final String function;

    NonLinearity(String function) {
      this.function = function;
    }
  }

  /** How the matrices start. */
  public enum Start {
    /** Normal with deviation 0.02: nearly no effect at first. */
    bert,
    /** The first Kaiming-uniform, the second zero: no effect at first. */
    mam_adapter
  }

  /** Checks the values. */
  public BottleneckConfig {
    require(reductionFactor > 0, "reduction_factor", reductionFactor, "a number above 0");
    require(dropout >= 0 && dropout < 1, "dropout", dropout, "a value in [0, 1)");
    require(
        mhAdapter || outputAdapter, "output_adapter", outputAdapter, "true, or mh_adapter to be");
  }

  private static void require(boolean fine, String field, @Nullable Object value, String expected) {
    Configs.require(fine, BottleneckConfig.class, field, value, expected);
  }

  /** Behind the feed-forward network alone (Pfeiffer et al. 2020, arXiv:2005.00247). */
  public static BottleneckConfig pfeiffer() {
    return Configs.withDefaults(BottleneckConfig.class);
  }

  /** Behind attention and the feed-forward network (Houlsby et al. 2019, arXiv:1902.00751). */
  public static BottleneckConfig houlsby() {
    BottleneckConfig both = Configs.with(pfeiffer(), "mhAdapter", true);
    return Configs.with(
        Configs.with(both, "originalLnBefore", false), "nonLinearity", NonLinearity.swish);
  }

  /** Beside the feed-forward network, scaled by 4 (He et al. 2021, arXiv:2110.04366). */
  public static BottleneckConfig parallel() {
    BottleneckConfig beside = Configs.with(pfeiffer(), "isParallel", true);
    BottleneckConfig wide = Configs.with(beside.reduction(2), "originalLnBefore", false);
    return Configs.with(wide, "initWeights", Start.mam_adapter).scaling(4);
  }

  /** Beside the feed-forward network, with a learned scale that starts at 1. */
  public static BottleneckConfig scaledParallel() {
    return Configs.with(parallel(), "scaling", Scaling.LEARNED);
  }

  /** With a bottleneck so many times smaller than the hidden state. */
  public BottleneckConfig reduction(double factor) {
    return Configs.with(this, "reductionFactor", factor);
  }

  /** With this scale. */
  public BottleneckConfig scaling(double scale) {
    return Configs.with(this, "scaling", new Scaling(scale));
  }

  /** With this dropout of the adapter's input. */
  public BottleneckConfig dropout(double probability) {
    return Configs.with(this, "dropout", probability);
  }

  /** Without adapters in these layers. */
  public BottleneckConfig leavingOut(Integer... layers) {
    return Configs.with(this, "leaveOut", List.of(layers));
  }
}
