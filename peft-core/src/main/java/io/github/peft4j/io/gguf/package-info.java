/**
 * GGUF files, the format of llama.cpp: metadata and tensors, read and written, and the block types
 * of quantised tensors.
 */
@NullMarked
package io.github.peft4j.io.gguf;

import org.jspecify.annotations.NullMarked;
