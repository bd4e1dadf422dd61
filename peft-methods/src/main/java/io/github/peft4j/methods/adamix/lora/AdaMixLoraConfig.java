package io.github.peft4j.methods.adamix.lora;

import io.github.peft4j.config.Configs;
import io.github.peft4j.config.PeftConfig;
import io.github.peft4j.methods.adamix.Experts;
import io.github.peft4j.methods.adamix.Mixture;
import io.github.peft4j.methods.common.linear.LinearConfig;
import io.github.peft4j.methods.common.linear.ModuleTargets;
import io.github.peft4j.methods.lora.LoraConfig;
import io.github.peft4j.tuner.injection.Bias;
import io.github.peft4j.withers.Withers;

/**
 * Settings of AdaMix on LoRA (Wang et al. 2022, arXiv:2205.12410), with the names of Hugging Face
 * PEFT's LoraConfig. A is the map down and B the map up.
 *
 * @param r the rank of each expert, above 0; 4
 * @param loraAlpha the scale is {@code loraAlpha / r}; 32
 * @param loraDropout probability that an element of the input is dropped, in [0, 1); 0
 * @param experts how many there are, and what they share; 4 A and one B
 * @param targets the modules that get an adapter
 * @param bias which biases of the model are also trained; {@code none}
 */
@Withers
public record AdaMixLoraConfig(
    int r, double loraAlpha, double loraDropout, Experts experts, ModuleTargets targets, Bias bias)
    implements LinearConfig<AdaMixLoraConfig>, Mixture, AdaMixLoraConfigWithers {

  /** Checks the values. */
  public AdaMixLoraConfig {
    Configs.check(AdaMixLoraConfig.class)
        .rank("r", r)
        .finite("lora_alpha", loraAlpha)
        .probability("lora_dropout", loraDropout);
    experts.check(AdaMixLoraConfig.class);
  }

  /** The default for each field of {@code adapter_config.json}. */
  public static AdaMixLoraConfig defaults() {
    return Configs.withDefaults(AdaMixLoraConfig.class);
  }

  /** The defaults with this rank. */
  public static AdaMixLoraConfig ofRank(int r) {
    return defaults().r(r);
  }

  @Override
  public PeftConfig averaged() {
    return LoraConfig.ofRank(r)
        .loraAlpha(loraAlpha)
        .loraDropout(loraDropout)
        .targets(targets)
        .bias(bias);
  }

  /** s. */
  double scale() {
    return loraAlpha / r;
  }
}
