/** The frozen model: {@link io.github.peft4j.transformer.TransformerModel}. */
@NullMarked
package io.github.peft4j.transformer;

import org.jspecify.annotations.NullMarked;
