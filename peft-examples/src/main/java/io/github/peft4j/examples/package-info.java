/** Example programs, to run and to copy from. */
@NullMarked
package io.github.peft4j.examples;

import org.jspecify.annotations.NullMarked;
