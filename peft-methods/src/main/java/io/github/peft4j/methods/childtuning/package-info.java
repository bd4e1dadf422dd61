/** Child-Tuning: full fine-tuning whose gradients are masked (arXiv:2109.05687). */
@NullMarked
package io.github.peft4j.methods.childtuning;

import org.jspecify.annotations.NullMarked;
