/**
 * DoRA: magnitude and direction of the weights are trained apart (Liu et al. 2024,
 * arXiv:2402.09353).
 */
@NullMarked
package io.github.peft4j.methods.lora.dora;

import org.jspecify.annotations.NullMarked;
