/** Tokenizers in GGUF files: vocabularies, how texts are cut, and chat templates, both ways. */
@Internal
@NullMarked
package io.github.peft4j.gguf.tokenizer;

import io.github.peft4j.annotation.Internal;
import org.jspecify.annotations.NullMarked;
