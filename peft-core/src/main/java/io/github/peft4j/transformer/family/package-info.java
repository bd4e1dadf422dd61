/** Model families as data, and builders of models from checkpoints. */
@Internal
@NullMarked
package io.github.peft4j.transformer.family;

import io.github.peft4j.annotation.Internal;
import org.jspecify.annotations.NullMarked;
