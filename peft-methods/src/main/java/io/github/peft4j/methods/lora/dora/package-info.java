/**
 * DoRA: the magnitude and the direction of the weights are trained separately (Liu et al. 2024,
 * arXiv:2402.09353).
 */
@NullMarked
package io.github.peft4j.methods.lora.dora;

import org.jspecify.annotations.NullMarked;
