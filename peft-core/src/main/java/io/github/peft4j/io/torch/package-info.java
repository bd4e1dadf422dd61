/** Tensors from PyTorch {@code .bin} files, without running their pickle. */
@Internal
@NullMarked
package io.github.peft4j.io.torch;

import io.github.peft4j.annotation.Internal;
import org.jspecify.annotations.NullMarked;
