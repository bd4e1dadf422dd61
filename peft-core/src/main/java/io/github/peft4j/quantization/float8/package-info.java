/** Frozen matrices in eight bits, and products with them. */
@NullMarked
package io.github.peft4j.quantization.float8;

import org.jspecify.annotations.NullMarked;
