/** Initialisation of LoRA's factors. */
@NullMarked
package io.github.peft4j.methods.lora.init;

import org.jspecify.annotations.NullMarked;
