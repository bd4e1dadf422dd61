/** The parts of a transformer: attention, feed-forward network, norms, heads. */
@Internal
@NullMarked
package io.github.peft4j.transformer.block;

import io.github.peft4j.annotation.Internal;
import org.jspecify.annotations.NullMarked;
