/** Training of whole modules alone, such as the head of a classifier: the baseline of adapters. */
@NullMarked
package io.github.peft4j.methods.head;

import org.jspecify.annotations.NullMarked;
