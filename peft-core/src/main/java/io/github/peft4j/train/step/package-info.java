/** The passes of a training step: forward, loss, backward, and what is kept between them. */
@NullMarked
package io.github.peft4j.train.step;

import org.jspecify.annotations.NullMarked;
