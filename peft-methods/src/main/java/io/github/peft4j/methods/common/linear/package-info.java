/** Shared parts of the methods that adapt single linear layers. */
@NullMarked
package io.github.peft4j.methods.common.linear;

import org.jspecify.annotations.NullMarked;
