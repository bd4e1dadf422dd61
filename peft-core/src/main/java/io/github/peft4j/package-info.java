/**
 * Parameter-efficient fine-tuning of transformers.
 *
 * <p>To use it: {@link io.github.peft4j.Peft} loads a frozen model, {@link
 * io.github.peft4j.PeftModel} takes, saves, composes and merges adapters, {@link
 * io.github.peft4j.train.FineTuner} trains them. What to adapt with is a config, one record for
 * each method, in the module {@code peft-methods}.
 *
 * <p>To write a method: {@link io.github.peft4j.config.PeftConfig} is what it is told, {@link
 * io.github.peft4j.method.PeftMethod} how it rewrites a model, {@link
 * io.github.peft4j.tuner.TunerLayer} what it computes there; {@link
 * io.github.peft4j.config.Configs} helps with the first.
 *
 * <p>Shapes in comments: B rows of a batch, T tokens of a row, D the hidden size, V the vocabulary.
 * Nothing throws checked exceptions: an {@code IllegalArgumentException} says that something given
 * does not fit, an {@code IllegalStateException} that it is not the time for a call, an {@code
 * UncheckedIOException} that a file could not be read or written.
 */
@NullMarked
package io.github.peft4j;

import org.jspecify.annotations.NullMarked;
