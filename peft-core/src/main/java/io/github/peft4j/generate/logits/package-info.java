/**
 * What changes the logits of next tokens before one is chosen: processors, those built in and your
 * own.
 */
@NullMarked
package io.github.peft4j.generate.logits;

import org.jspecify.annotations.NullMarked;
