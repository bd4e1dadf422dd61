/**
 * The engine room: TorchScript kernels, autograd and tensor lifetimes.
 *
 * <p>This is the only package that knows DJL's PyTorch engine from inside. Everything above it sees
 * {@link ai.djl.ndarray.NDArray} and the classes here.
 */
@NullMarked
package io.github.peft4j.kernel;

import org.jspecify.annotations.NullMarked;
