/** Prompt tuning: trainable vectors before the input (Lester et al. 2021, arXiv:2104.08691). */
@NullMarked
package io.github.peft4j.methods.prompttuning;

import org.jspecify.annotations.NullMarked;
