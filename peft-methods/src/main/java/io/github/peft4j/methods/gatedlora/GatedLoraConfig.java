package io.github.peft4j.methods.gatedlora;

import io.github.peft4j.config.Configs;
import io.github.peft4j.methods.common.linear.LinearConfig;
import io.github.peft4j.methods.common.linear.ModuleTargets;
import io.github.peft4j.withers.Withers;

/**
 * Settings of gated LoRA, a part of UniPELT (Mao et al. 2022, arXiv:2110.07577). Hugging Face PEFT
 * has no such method; the fields have the names of its LoraConfig. In AdapterHub's library it is a
 * LoRAConfig with {@code use_gating}.
 *
 * @param r the rank, above 0; 8
 * @param loraAlpha α of AdapterHub's config. It is kept in the file but not used: the gate takes
 *     the place of the scale
 * @param loraDropout probability that an element of the input is dropped before A, in [0, 1); 0
 * @param targets the modules that get an adapter
 */
@Withers
public record GatedLoraConfig(int r, double loraAlpha, double loraDropout, ModuleTargets targets)
    implements LinearConfig<GatedLoraConfig>, GatedLoraConfigWithers {

  /** Checks the values. */
  public GatedLoraConfig {
    Configs.check(GatedLoraConfig.class)
        .rank("r", r)
        .finite("lora_alpha", loraAlpha)
        .probability("lora_dropout", loraDropout);
  }

  /** The default of each field of {@code adapter_config.json}. */
  public static GatedLoraConfig defaults() {
    return Configs.withDefaults(GatedLoraConfig.class);
  }

  /** The defaults with this rank. */
  public static GatedLoraConfig ofRank(int r) {
    return defaults().r(r);
  }
}
