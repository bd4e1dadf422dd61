/**
 * Prefix tuning as AdapterHub's library has it: positions are counted without the prefix, so that
 * its adapters and those of Hugging Face PEFT are not the same.
 */
@NullMarked
package io.github.peft4j.methods.adapterhub.prefixtuning;

import org.jspecify.annotations.NullMarked;
