package io.github.peft4j.methods.lora.init;

import ai.djl.ndarray.NDArray;

/**
 * The initial values of a module's factors.
 *
 * @param a [r, in]
 * @param b [out, r]
 */
public record InitialFactors(NDArray a, NDArray b) {}
