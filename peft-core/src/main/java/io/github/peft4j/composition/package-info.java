/**
 * Combinations of several adapters within a call: {@link io.github.peft4j.composition.Composition}.
 */
@NullMarked
package io.github.peft4j.composition;

import org.jspecify.annotations.NullMarked;
