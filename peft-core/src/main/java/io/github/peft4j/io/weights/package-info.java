/** The weights of a model's folder, whatever files they are in. */
@Internal
@NullMarked
package io.github.peft4j.io.weights;

import io.github.peft4j.annotation.Internal;
import org.jspecify.annotations.NullMarked;
