/**
 * Training of text embeddings: losses of the vectors of texts that belong together, and how good
 * the vectors are.
 */
@NullMarked
package io.github.peft4j.train.embedding;

import org.jspecify.annotations.NullMarked;
