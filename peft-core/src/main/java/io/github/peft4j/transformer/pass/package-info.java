/** Inputs, targets and the shared state of a model's forward pass. */
@NullMarked
package io.github.peft4j.transformer.pass;

import org.jspecify.annotations.NullMarked;
