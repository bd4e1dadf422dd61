/**
 * GGUF files as models: what architectures of llama.cpp are called and how they are laid out at
 * Hugging Face. One table serves reading and writing.
 */
@Internal
@NullMarked
package io.github.peft4j.gguf;

import io.github.peft4j.annotation.Internal;
import org.jspecify.annotations.NullMarked;
