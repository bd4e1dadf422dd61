/** Safetensors files, read and written, and the index of several. */
@Internal
@NullMarked
package io.github.peft4j.io.safetensors;

import io.github.peft4j.annotation.Internal;
import org.jspecify.annotations.NullMarked;
