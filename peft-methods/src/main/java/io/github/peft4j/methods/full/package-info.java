/** Full fine-tuning: every tensor of the model, or of chosen modules, is trained. */
@NullMarked
package io.github.peft4j.methods.full;

import org.jspecify.annotations.NullMarked;
