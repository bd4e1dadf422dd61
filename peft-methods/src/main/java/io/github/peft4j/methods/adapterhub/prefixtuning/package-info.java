/**
 * Prefix tuning as AdapterHub computes it. Positions are counted without the prefix, so its
 * adapters and those of Hugging Face PEFT are not interchangeable.
 */
@NullMarked
package io.github.peft4j.methods.adapterhub.prefixtuning;

import org.jspecify.annotations.NullMarked;
