/**
 * Prefix tuning: trainable keys and values before each layer's own (Li and Liang 2021,
 * arXiv:2101.00190).
 *
 * <p>P-tuning v2 (Liu et al. 2021, arXiv:2110.07602) is this method with a classification head:
 * load the model for {@code SEQ_CLS} or {@code TOKEN_CLS}, and its classifier is trained and saved
 * with the prefix. As in Hugging Face PEFT, it has no type of its own.
 */
@NullMarked
package io.github.peft4j.methods.prefixtuning;

import org.jspecify.annotations.NullMarked;
