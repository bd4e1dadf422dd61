/** Adapters on a model, where they come from, and merging. */
@NullMarked
package io.github.peft4j.adapter;

import org.jspecify.annotations.NullMarked;
