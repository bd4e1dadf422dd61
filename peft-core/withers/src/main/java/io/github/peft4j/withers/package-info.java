/** Generates the withers of config records at compile time. */
@NullMarked
package io.github.peft4j.withers;

import org.jspecify.annotations.NullMarked;
