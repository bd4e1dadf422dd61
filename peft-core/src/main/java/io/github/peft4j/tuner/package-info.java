/**
 * Where adapters take hold: the sites that a model publishes and the layers that rewrite them.
 *
 * <p>A {@link io.github.peft4j.tuner.Site} is one computation of the frozen model, known by its
 * Hugging Face module name. A {@link io.github.peft4j.tuner.TunerLayer} rewrites it. Model families
 * publish sites and know no method; methods rewrite sites and know no family.
 */
@NullMarked
package io.github.peft4j.tuner;

import org.jspecify.annotations.NullMarked;
