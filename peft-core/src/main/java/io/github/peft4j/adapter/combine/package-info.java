/** Combinations of several adapters into new ones. */
@NullMarked
package io.github.peft4j.adapter.combine;

import org.jspecify.annotations.NullMarked;
