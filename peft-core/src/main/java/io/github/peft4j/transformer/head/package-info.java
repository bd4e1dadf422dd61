/** The task heads of models: hidden states to logits, and the loss. */
@Internal
@NullMarked
package io.github.peft4j.transformer.head;

import io.github.peft4j.annotation.Internal;
import org.jspecify.annotations.NullMarked;
