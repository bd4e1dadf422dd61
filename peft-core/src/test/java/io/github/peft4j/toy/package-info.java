/** A method and a model that are small enough to compute by hand what they do. */
@NullMarked
package io.github.peft4j.toy;

import org.jspecify.annotations.NullMarked;
