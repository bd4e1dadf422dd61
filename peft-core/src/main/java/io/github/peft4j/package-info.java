/** Adapters for transformers: what a model publishes, what a method rewrites, what a user calls. */
@NullMarked
package io.github.peft4j;

import org.jspecify.annotations.NullMarked;
