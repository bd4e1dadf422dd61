/** Evaluation of models on validation data. */
@NullMarked
package io.github.peft4j.train.evaluation;

import org.jspecify.annotations.NullMarked;
