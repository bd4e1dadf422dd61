/** Matrices of 4 or 8 bits in groups with a scale and a zero each, as GPTQ and AWQ make them. */
@NullMarked
package io.github.peft4j.quantization.groups;

import org.jspecify.annotations.NullMarked;
