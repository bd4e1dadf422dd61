/** Annotations of the library itself. */
@NullMarked
package io.github.peft4j.annotation;

import org.jspecify.annotations.NullMarked;
