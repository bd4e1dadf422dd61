/** Fisher information of a model's parameters, and masks of those that have most. */
@NullMarked
package io.github.peft4j.methods.fisher;

import org.jspecify.annotations.NullMarked;
