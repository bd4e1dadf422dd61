/** Activation functions and their derivatives. */
@NullMarked
@Internal
package io.github.peft4j.transformer.activation;

import io.github.peft4j.annotation.Internal;
import org.jspecify.annotations.NullMarked;
