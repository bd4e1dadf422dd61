/** Pruning while fine-tuning: magnitude and movement pruning (arXiv:2005.07683). */
@NullMarked
package io.github.peft4j.methods.pruning;

import org.jspecify.annotations.NullMarked;
