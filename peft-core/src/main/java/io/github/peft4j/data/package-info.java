/** Training data: readers, examples and their labels. */
@NullMarked
package io.github.peft4j.data;

import org.jspecify.annotations.NullMarked;
