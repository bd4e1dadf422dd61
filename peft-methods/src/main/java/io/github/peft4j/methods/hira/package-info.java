/** HiRA: the weight times a low-rank matrix, element by element, is added to it (ICLR 2025). */
@NullMarked
package io.github.peft4j.methods.hira;

import org.jspecify.annotations.NullMarked;
