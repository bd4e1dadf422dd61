/** How frozen matrices are kept in fewer bits, and what they can then do. */
@NullMarked
package io.github.peft4j.quantization;

import org.jspecify.annotations.NullMarked;
