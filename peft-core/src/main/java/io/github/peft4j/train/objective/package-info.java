/** What a training minimises: {@link io.github.peft4j.train.objective.Objective}. */
@NullMarked
package io.github.peft4j.train.objective;

import org.jspecify.annotations.NullMarked;
