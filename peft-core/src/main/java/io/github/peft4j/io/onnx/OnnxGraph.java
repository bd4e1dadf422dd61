package io.github.peft4j.io.onnx;

import java.util.List;
import java.util.Map;

/**
 * The part of a graph that leads to its weights.
 *
 * @param initializers the constants by name, in the order of the file
 * @param unreadable why a constant is not among them, by its name
 * @param nodes the operations, in the order of the file
 */
record OnnxGraph(
    Map<String, OnnxTensor> initializers, Map<String, String> unreadable, List<Node> nodes) {

  /** An operation, the names of its inputs, and, of a {@code Constant}, the values by output. */
  record Node(String name, String opType, List<String> inputs, Map<String, OnnxTensor> constants) {}
}
