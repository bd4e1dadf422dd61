/** How methods act on a training: between steps, on gradients, and on how tensors are trained. */
@NullMarked
package io.github.peft4j.tuner.training;

import org.jspecify.annotations.NullMarked;
