/**
 * Examples in, batches out: files are read into {@linkplain io.github.peft4j.data.Dataset data
 * sets}, examples are turned into token ids by an {@link io.github.peft4j.data.Encoder}, and a
 * {@link io.github.peft4j.data.BatchSampler} with a {@link io.github.peft4j.data.Collator} makes
 * padded batches of them. Everything here is plain Java values; tensors begin in the engine.
 */
@NullMarked
package io.github.peft4j.data;

import org.jspecify.annotations.NullMarked;
