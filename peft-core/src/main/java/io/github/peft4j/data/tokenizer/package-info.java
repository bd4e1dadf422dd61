/** Texts to token ids and back. */
@NullMarked
package io.github.peft4j.data.tokenizer;

import org.jspecify.annotations.NullMarked;
