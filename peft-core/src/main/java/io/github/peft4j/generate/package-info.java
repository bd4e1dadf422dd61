/**
 * Decoding: texts that a language model writes, token by token, with a cache of keys and values.
 * {@link io.github.peft4j.generate.GenerationConfig} says how, {@link
 * io.github.peft4j.generate.Generator} does it, {@link io.github.peft4j.generate.Generation} is
 * what comes out.
 */
@NullMarked
package io.github.peft4j.generate;

import org.jspecify.annotations.NullMarked;
