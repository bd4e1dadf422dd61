/** The devices of a model: where its tensors are, and copies between them. */
@Internal
@NullMarked
package io.github.peft4j.kernel.device;

import io.github.peft4j.annotation.Internal;
import org.jspecify.annotations.NullMarked;
