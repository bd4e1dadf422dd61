/** Training rules for LoRA: LoRA+ and LoRA-FA. */
@NullMarked
package io.github.peft4j.methods.lora.training;

import org.jspecify.annotations.NullMarked;
