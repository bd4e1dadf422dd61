/** Metrics on data that is not trained on. */
@NullMarked
package io.github.peft4j.train.evaluation;

import org.jspecify.annotations.NullMarked;
