/** The parts of the program that measures speed and memory. */
@NullMarked
package io.github.peft4j.examples.bench;

import org.jspecify.annotations.NullMarked;
