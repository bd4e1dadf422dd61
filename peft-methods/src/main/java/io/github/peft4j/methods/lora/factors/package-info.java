/**
 * The factors A and B of LoRA: plain, tied to those of an embedding, or as an offset from their
 * initial values.
 */
@NullMarked
package io.github.peft4j.methods.lora.factors;

import org.jspecify.annotations.NullMarked;
