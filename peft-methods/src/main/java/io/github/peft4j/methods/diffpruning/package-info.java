/** Diff pruning: a change whose gates are trained to be zero (arXiv:2012.07463). */
@NullMarked
package io.github.peft4j.methods.diffpruning;

import org.jspecify.annotations.NullMarked;
