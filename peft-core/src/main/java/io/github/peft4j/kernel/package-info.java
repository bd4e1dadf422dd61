/**
 * The PyTorch engine: kernels in TorchScript, autograd, the tape, precision and scopes of native
 * memory.
 */
@NullMarked
package io.github.peft4j.kernel;

import org.jspecify.annotations.NullMarked;
