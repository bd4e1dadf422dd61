/**
 * CorDA: LoRA that starts from weights in the light of data (Yang et al. 2024, arXiv:2406.05223).
 */
@NullMarked
package io.github.peft4j.methods.lora.corda;

import org.jspecify.annotations.NullMarked;
