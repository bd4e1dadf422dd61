/** Values that behave like Python's: what chat templates compute with. */
@Internal
@NullMarked
package io.github.peft4j.chat.python;

import io.github.peft4j.annotation.Internal;
import org.jspecify.annotations.NullMarked;
