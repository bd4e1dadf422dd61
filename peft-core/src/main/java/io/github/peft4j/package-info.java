/** Parameter-efficient fine-tuning: start at {@link io.github.peft4j.Peft}. */
@NullMarked
package io.github.peft4j;

import org.jspecify.annotations.NullMarked;
