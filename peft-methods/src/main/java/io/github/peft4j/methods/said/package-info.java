/** SAID: all tensors move in one random subspace of few dimensions (arXiv:2012.13255). */
@NullMarked
package io.github.peft4j.methods.said;

import org.jspecify.annotations.NullMarked;
