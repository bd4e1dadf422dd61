/** Selective tuning: some parts of a model are trained, which a readable selector names. */
@NullMarked
package io.github.peft4j.methods.selective;

import org.jspecify.annotations.NullMarked;
