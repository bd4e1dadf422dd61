/** Models as ONNX graphs, out of the records of their family. */
@Internal
@NullMarked
package io.github.peft4j.export.onnx;

import io.github.peft4j.annotation.Internal;
import org.jspecify.annotations.NullMarked;
