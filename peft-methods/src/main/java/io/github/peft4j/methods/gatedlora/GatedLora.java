package io.github.peft4j.methods.gatedlora;

import io.github.peft4j.methods.common.linear.LinearMethod;

/**
 * Gated LoRA (Mao et al. 2022, arXiv:2110.07577), computed as in AdapterHub's {@code adapters}
 * 1.3.0 ({@code methods/lora.py}).
 */
public final class GatedLora extends LinearMethod<GatedLoraConfig> {

  /** The method. */
  public GatedLora() {
    super("GATED_LORA", GatedLoraConfig.class, GatedLoraLinear::new);
  }
}
