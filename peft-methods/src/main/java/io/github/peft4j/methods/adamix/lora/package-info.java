/** AdaMix on LoRA: several A and B, of which each pass takes one at random. */
@NullMarked
package io.github.peft4j.methods.adamix.lora;

import org.jspecify.annotations.NullMarked;
