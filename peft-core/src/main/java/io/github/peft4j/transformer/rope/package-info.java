/** Rotary positions: frequencies, their scaling, and the rotation of queries and keys. */
@Internal
@NullMarked
package io.github.peft4j.transformer.rope;

import io.github.peft4j.annotation.Internal;
import org.jspecify.annotations.NullMarked;
