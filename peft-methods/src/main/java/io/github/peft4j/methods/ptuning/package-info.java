/** P-tuning: a trainable encoder computes the prompt (Liu et al. 2021, arXiv:2103.10385). */
@NullMarked
package io.github.peft4j.methods.ptuning;

import org.jspecify.annotations.NullMarked;
