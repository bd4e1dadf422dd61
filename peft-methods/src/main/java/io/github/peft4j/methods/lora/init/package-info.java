/** How the factors of LoRA start. */
@NullMarked
package io.github.peft4j.methods.lora.init;

import org.jspecify.annotations.NullMarked;
