/** The families of decoders: causal language models, one in each file. */
@Internal
@NullMarked
package io.github.peft4j.transformer.family.decoder;

import io.github.peft4j.annotation.Internal;
import org.jspecify.annotations.NullMarked;
