/** CUDA below PyTorch's operators: its libraries by JNA, and the graphs that it records. */
@Internal
@NullMarked
package io.github.peft4j.kernel.cuda;

import io.github.peft4j.annotation.Internal;
import org.jspecify.annotations.NullMarked;
