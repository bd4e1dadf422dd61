/** Ladder side tuning: a narrow network beside the model, without a backward pass through it. */
@NullMarked
package io.github.peft4j.methods.lst;

import org.jspecify.annotations.NullMarked;
