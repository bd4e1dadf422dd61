/** What the layers of a model share during one forward pass. */
@NullMarked
package io.github.peft4j.transformer.pass;

import org.jspecify.annotations.NullMarked;
