package io.github.peft4j.io.onnx;

import io.github.peft4j.io.TensorInfo;
import java.nio.ByteBuffer;

/**
 * A constant of a graph.
 *
 * @param info its name in the graph, type and shape
 * @param bytes its values, little-endian and row-major
 * @param offset where in the file the bytes lie, or -1 if they had to be put together
 */
record OnnxTensor(TensorInfo info, ByteBuffer bytes, int offset) {}
