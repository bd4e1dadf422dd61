/** Shared parts of the methods. */
@NullMarked
package io.github.peft4j.methods.common;

import org.jspecify.annotations.NullMarked;
