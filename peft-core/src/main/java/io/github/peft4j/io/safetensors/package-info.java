/** Safetensors files and folders of them, read and written. */
@Internal
@NullMarked
package io.github.peft4j.io.safetensors;

import io.github.peft4j.annotation.Internal;
import org.jspecify.annotations.NullMarked;
