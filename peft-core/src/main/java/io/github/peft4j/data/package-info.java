/** Training data: examples, data sets and labels. */
@NullMarked
package io.github.peft4j.data;

import org.jspecify.annotations.NullMarked;
