/** CUDA C beside the TorchScript of a transformer's kernels. */
@Internal
@NullMarked
package io.github.peft4j.transformer.cuda;

import io.github.peft4j.annotation.Internal;
import org.jspecify.annotations.NullMarked;
