/** A model's {@code config.json} and task. */
@NullMarked
package io.github.peft4j.transformer.config;

import org.jspecify.annotations.NullMarked;
