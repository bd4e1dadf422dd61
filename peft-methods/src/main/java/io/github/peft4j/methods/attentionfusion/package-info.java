/** Attention fusion: attention over the states of a frozen model's layers. */
@NullMarked
package io.github.peft4j.methods.attentionfusion;

import org.jspecify.annotations.NullMarked;
