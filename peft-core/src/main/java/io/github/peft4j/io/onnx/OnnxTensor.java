package io.github.peft4j.io.onnx;

import io.github.peft4j.io.TensorInfo;
import java.nio.ByteBuffer;

/**
 * A constant of a graph.
 *
 * @param info its name in the graph, type and shape
 * @param bytes its values, little-endian and row-major
 * @param offset the position of the bytes in the file, or -1 if they are not contiguous there
 */
record OnnxTensor(TensorInfo info, ByteBuffer bytes, int offset) {}
