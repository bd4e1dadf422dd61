/** DyLoRA: LoRA at all ranks up to r at once, of which each step trains one (arXiv:2210.07558). */
@NullMarked
package io.github.peft4j.methods.dylora;

import org.jspecify.annotations.NullMarked;
