/** Tensors in the host's memory while the device has no use for them. */
@Internal
@NullMarked
package io.github.peft4j.kernel.host;

import io.github.peft4j.annotation.Internal;
import org.jspecify.annotations.NullMarked;
