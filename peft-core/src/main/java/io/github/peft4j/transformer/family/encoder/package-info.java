/** The families of encoders, one in each file. */
@Internal
@NullMarked
package io.github.peft4j.transformer.family.encoder;

import io.github.peft4j.annotation.Internal;
import org.jspecify.annotations.NullMarked;
