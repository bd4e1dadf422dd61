/** EVA: LoRA initialised from data (Paischer et al. 2024, arXiv:2410.07170). */
@NullMarked
package io.github.peft4j.methods.lora.eva;

import org.jspecify.annotations.NullMarked;
