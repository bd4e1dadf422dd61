/** Reads the weights of encoders out of ONNX files, the form in which Maven Central has them. */
@NullMarked
package io.github.peft4j.onnx;

import org.jspecify.annotations.NullMarked;
