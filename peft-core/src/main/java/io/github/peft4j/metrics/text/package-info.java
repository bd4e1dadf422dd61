/** Metrics of texts: BLEU, chrF, ROUGE, and SQuAD\'s of answers. */
@NullMarked
package io.github.peft4j.metrics.text;

import org.jspecify.annotations.NullMarked;
