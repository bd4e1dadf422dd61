/** How a config and the tensors of a checkpoint become a model. */
@Internal
@NullMarked
package io.github.peft4j.transformer.checkpoint;

import io.github.peft4j.annotation.Internal;
import org.jspecify.annotations.NullMarked;
