/** What to do about an error, apart from the error. */
@NullMarked
package io.github.peft4j.advice;

import org.jspecify.annotations.NullMarked;
