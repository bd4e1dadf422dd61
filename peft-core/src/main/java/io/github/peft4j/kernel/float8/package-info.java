/** Frozen matrices in eight bits, and products with them. */
@NullMarked
package io.github.peft4j.kernel.float8;

import org.jspecify.annotations.NullMarked;
