/** Similarity of vectors, and the metrics of the evaluators of sentence-transformers. */
@NullMarked
package io.github.peft4j.metrics.retrieval;

import org.jspecify.annotations.NullMarked;
