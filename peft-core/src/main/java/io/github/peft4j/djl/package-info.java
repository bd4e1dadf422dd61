/** Data sets of DJL: read as examples, and made of examples. */
@NullMarked
package io.github.peft4j.djl;

import org.jspecify.annotations.NullMarked;
