/** What the layers of a model share during one forward pass. */
@Internal
@NullMarked
package io.github.peft4j.transformer.pass;

import io.github.peft4j.annotation.Internal;
import org.jspecify.annotations.NullMarked;
