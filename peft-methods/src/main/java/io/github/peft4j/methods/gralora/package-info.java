/** GraLoRA: LoRA in each block of the weight (arXiv:2505.20355). */
@NullMarked
package io.github.peft4j.methods.gralora;

import org.jspecify.annotations.NullMarked;
