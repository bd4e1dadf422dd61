/** Shared parts of the methods with virtual tokens. */
@NullMarked
package io.github.peft4j.methods.common.prompt;

import org.jspecify.annotations.NullMarked;
