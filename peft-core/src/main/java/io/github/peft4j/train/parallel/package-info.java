/** One training on the devices of a host: replicas of its adapter, and their gradients' sum. */
@NullMarked
package io.github.peft4j.train.parallel;

import org.jspecify.annotations.NullMarked;
