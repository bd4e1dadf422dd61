/**
 * AdaMix: several maps in the place of one, of which each pass takes one at random, and whose mean
 * is used in the end (arXiv:2205.12410).
 */
@NullMarked
package io.github.peft4j.methods.adamix;

import org.jspecify.annotations.NullMarked;
