/** Quantizations by the names that command lines take. */
@NullMarked
package io.github.peft4j.quantization.named;

import org.jspecify.annotations.NullMarked;
