/** Adapters on a model, their provenance, and merging. */
@NullMarked
package io.github.peft4j.adapter;

import org.jspecify.annotations.NullMarked;
