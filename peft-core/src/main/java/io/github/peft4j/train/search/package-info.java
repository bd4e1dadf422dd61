/** Which settings to train with: a search over a grid, and a range test of learning rates. */
@NullMarked
package io.github.peft4j.train.search;

import org.jspecify.annotations.NullMarked;
