/**
 * Prompt tuning as AdapterHub's library has it: prompts stand behind the embeddings, positions and
 * norm in them, so that its adapters and those of Hugging Face PEFT are not the same.
 */
@NullMarked
package io.github.peft4j.methods.adapterhub.prompttuning;

import org.jspecify.annotations.NullMarked;
