/** Frozen matrices in four and eight bits, as bitsandbytes stores them. */
@NullMarked
package io.github.peft4j.quantization.bitsandbytes;

import org.jspecify.annotations.NullMarked;
