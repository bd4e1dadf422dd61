/** Names of tensors in adapter files. */
@NullMarked
package io.github.peft4j.adapter.layout;

import org.jspecify.annotations.NullMarked;
