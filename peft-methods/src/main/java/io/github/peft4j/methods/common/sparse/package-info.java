/** Shared parts of the methods that train single entries of the model's tensors. */
@NullMarked
package io.github.peft4j.methods.common.sparse;

import org.jspecify.annotations.NullMarked;
