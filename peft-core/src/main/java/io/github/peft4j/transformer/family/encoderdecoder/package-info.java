/** The families of encoder-decoders, one in each file. */
@Internal
@NullMarked
package io.github.peft4j.transformer.family.encoderdecoder;

import io.github.peft4j.annotation.Internal;
import org.jspecify.annotations.NullMarked;
