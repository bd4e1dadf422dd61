/** Generation: sampling, streaming, stopping. */
@NullMarked
package io.github.peft4j.generate;

import org.jspecify.annotations.NullMarked;
