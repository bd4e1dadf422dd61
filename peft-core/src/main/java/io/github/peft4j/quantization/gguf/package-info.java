/** Frozen matrices that stay in the blocks of a GGUF file. */
@NullMarked
package io.github.peft4j.quantization.gguf;

import org.jspecify.annotations.NullMarked;
