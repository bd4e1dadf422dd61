/**
 * Prompt tuning as AdapterHub computes it. Prompts are inserted after the embedding layer with its
 * positions and norm, so its adapters and those of Hugging Face PEFT are not interchangeable.
 */
@NullMarked
package io.github.peft4j.methods.adapterhub.prompttuning;

import org.jspecify.annotations.NullMarked;
