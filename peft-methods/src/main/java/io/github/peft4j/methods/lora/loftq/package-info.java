/** LoftQ: LoRA that starts from what quantising the frozen weights has lost. */
@NullMarked
package io.github.peft4j.methods.lora.loftq;

import org.jspecify.annotations.NullMarked;
