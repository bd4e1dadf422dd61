/** Checkpoints whose weights are quantised already: the tensors that make a matrix. */
@Internal
@NullMarked
package io.github.peft4j.transformer.checkpoint.quantized;

import io.github.peft4j.annotation.Internal;
import org.jspecify.annotations.NullMarked;
