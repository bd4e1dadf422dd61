package io.github.peft4j.methods.lst;

import io.github.peft4j.config.Configs;
import io.github.peft4j.config.PeftConfig;
import io.github.peft4j.withers.Withers;
import java.util.List;
import org.jspecify.annotations.Nullable;

/**
 * Settings of ladder side tuning (Sung et al. 2022, arXiv:2206.06522). Names are those of the
 * authors' code, where it has them.
 *
 * @param reductionFactor r, 2 or more: hidden states, heads and feed-forward networks of the side
 *     network have the model's sizes divided by r; 8
 * @param gateT T, the temperature of the gates, above 0; 0.1
 * @param gateAlpha α, where the gates start; 0
 * @param sideLayers the layers that have a side layer, by index from 0 in their stack; null for all
 * @param addBiasSampling whether the maps into and out of the side network have a bias
 * @param modulesToSave modules that are fully trained and saved with the adapter, or null for none
 */
@Withers
public record LstConfig(
    int reductionFactor,
    double gateT,
    double gateAlpha,
    @Nullable List<Integer> sideLayers,
    boolean addBiasSampling,
    @Nullable List<String> modulesToSave)
    implements PeftConfig, LstConfigWithers {

  /** Checks the values. */
  public LstConfig {
    Configs.check(LstConfig.class)
        .that(reductionFactor >= 2, "reduction_factor", reductionFactor, "2 or more")
        .positive("gate_t", gateT)
        .finite("gate_alpha", gateAlpha)
        .that(
            sideLayers == null
                || (!sideLayers.isEmpty()
                    && sideLayers.stream().allMatch(i -> i >= 0)
                    && sideLayers.stream().distinct().count() == sideLayers.size()),
            "side_layers",
            sideLayers,
            "different indices of 0 or more, or null for all layers");
  }

  /** The defaults with this reduction factor. */
  public static LstConfig ofReductionFactor(int r) {
    return Configs.withDefaults(LstConfig.class).reductionFactor(r);
  }

  /** The defaults: a side network of an eighth of the model's width. */
  public static LstConfig defaults() {
    return Configs.withDefaults(LstConfig.class);
  }
}
