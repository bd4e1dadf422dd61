/** Losses of labels: {@link io.github.peft4j.transformer.loss.LabelLoss} and the usual ones. */
@NullMarked
package io.github.peft4j.transformer.loss;

import org.jspecify.annotations.NullMarked;
