/** ONNX files: weights out of them, and models into them. */
@Internal
@NullMarked
package io.github.peft4j.io.onnx;

import io.github.peft4j.annotation.Internal;
import org.jspecify.annotations.NullMarked;
