/** Names of tensors in adapter files, where they deviate from the names of modules. */
@NullMarked
package io.github.peft4j.adapter.layout;

import org.jspecify.annotations.NullMarked;
