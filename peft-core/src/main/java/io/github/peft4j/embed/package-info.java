/** Texts as vectors: pooling and normalisation, as the folders of sentence-transformers say. */
@NullMarked
package io.github.peft4j.embed;

import org.jspecify.annotations.NullMarked;
