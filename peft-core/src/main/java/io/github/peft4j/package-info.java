/**
 * Parameter-efficient fine-tuning of transformers.
 *
 * <p><b>To use it:</b> {@link io.github.peft4j.Peft} loads a frozen model. {@link
 * io.github.peft4j.PeftModel} takes, saves, composes and merges adapters. {@link
 * io.github.peft4j.train.FineTuner} trains them. A config selects the method: the module {@code
 * peft-methods} has one config record for each.
 *
 * <table>
 * <caption>Where other types are</caption>
 * <tr><td>several adapters together</td><td>{@link io.github.peft4j.composition.Composition}</td></tr>
 * <tr><td>a new adapter made of others</td><td>{@link io.github.peft4j.adapter.combine.Combination}</td></tr>
 * <tr><td>the model's task and its labels</td><td>{@link io.github.peft4j.transformer.config.Task}</td></tr>
 * <tr><td>32 or 16 bits</td><td>{@link io.github.peft4j.kernel.Precision}</td></tr>
 * <tr><td>data to train on</td><td>{@link io.github.peft4j.data}</td></tr>
 * <tr><td>settings of generation</td><td>{@link io.github.peft4j.generate.GenerationConfig}</td></tr>
 * <tr><td>MiniLM out of a jar</td><td>{@link io.github.peft4j.pretrained.MiniLm}</td></tr>
 * </table>
 *
 * <p><b>To write a method:</b> {@link io.github.peft4j.config.PeftConfig} holds its settings.
 * {@link io.github.peft4j.method.PeftMethod} rewrites the sites of a model. {@link
 * io.github.peft4j.tuner.TunerLayer} computes the new value at a site.
 *
 * <p>Shapes in comments: B rows of a batch, T tokens of a row, D the hidden size, V the vocabulary
 * size. No method throws a checked exception. An {@code IllegalArgumentException} means that an
 * argument or a file is wrong. An {@code IllegalStateException} means that a call comes at the
 * wrong time. An {@code UncheckedIOException} means that a file could not be read or written.
 */
@NullMarked
package io.github.peft4j;

import org.jspecify.annotations.NullMarked;
