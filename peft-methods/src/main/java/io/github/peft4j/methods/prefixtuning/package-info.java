/**
 * Prefix tuning: trained keys and values in front of each layer's own (Li and Liang 2021,
 * arXiv:2101.00190).
 *
 * <p>P-tuning v2 (Liu et al. 2021, arXiv:2110.07602) is this method under a classification head:
 * load the model for {@code SEQ_CLS} or {@code TOKEN_CLS}, whose classifier is trained and saved
 * along. It needs no type of its own, in Hugging Face PEFT as here.
 */
@NullMarked
package io.github.peft4j.methods.prefixtuning;

import org.jspecify.annotations.NullMarked;
