/** Predictions of each kind of example. */
@Internal
@NullMarked
package io.github.peft4j.train.sample;

import io.github.peft4j.annotation.Internal;
import org.jspecify.annotations.NullMarked;
