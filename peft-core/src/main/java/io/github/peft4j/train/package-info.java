/** Fine-tuning: {@link io.github.peft4j.train.FineTuner}. */
@NullMarked
package io.github.peft4j.train;

import org.jspecify.annotations.NullMarked;
