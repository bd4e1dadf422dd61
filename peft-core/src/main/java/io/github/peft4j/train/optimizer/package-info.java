/** Optimizers, the update of a step, and learning rate schedules. */
@NullMarked
package io.github.peft4j.train.optimizer;

import org.jspecify.annotations.NullMarked;
