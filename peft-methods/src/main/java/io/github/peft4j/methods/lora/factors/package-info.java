/**
 * The factors A and B of LoRA: plain, tied to those of a table, or an offset from where they
 * started.
 */
@NullMarked
package io.github.peft4j.methods.lora.factors;

import org.jspecify.annotations.NullMarked;
