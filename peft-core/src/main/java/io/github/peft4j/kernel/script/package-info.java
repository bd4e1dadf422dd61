/** TorchScript: its archives, and calls of what is compiled. */
@Internal
@NullMarked
package io.github.peft4j.kernel.script;

import io.github.peft4j.annotation.Internal;
import org.jspecify.annotations.NullMarked;
