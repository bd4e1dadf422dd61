/** The {@code config.json} of a model, and the task that it is for. */
@NullMarked
package io.github.peft4j.transformer.config;

import org.jspecify.annotations.NullMarked;
