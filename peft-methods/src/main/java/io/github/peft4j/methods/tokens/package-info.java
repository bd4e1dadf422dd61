/** Trainable tokens: the vectors of a few tokens are trained (Hugging Face PEFT). */
@NullMarked
package io.github.peft4j.methods.tokens;

import org.jspecify.annotations.NullMarked;
