/** LoRA: low-rank adaptation (Hu et al. 2021, arXiv:2106.09685). */
@NullMarked
package io.github.peft4j.methods.lora;

import org.jspecify.annotations.NullMarked;
