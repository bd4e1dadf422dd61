/**
 * Hugging Face's safetensors format: a length (8 bytes, little-endian), a JSON header of that
 * length, and the tensors' bytes without gaps.
 *
 * @see <a href="https://github.com/huggingface/safetensors#format">the format</a>
 */
@NullMarked
package io.github.peft4j.safetensors;

import org.jspecify.annotations.NullMarked;
