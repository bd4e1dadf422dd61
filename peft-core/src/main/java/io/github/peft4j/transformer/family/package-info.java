/** Model families as data, and how a checkpoint becomes a model. */
@Internal
@NullMarked
package io.github.peft4j.transformer.family;

import io.github.peft4j.annotation.Internal;
import org.jspecify.annotations.NullMarked;
