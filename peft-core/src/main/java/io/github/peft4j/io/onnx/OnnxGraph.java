package io.github.peft4j.io.onnx;

import java.util.List;
import java.util.Map;

/**
 * The part of a graph that leads to its weights.
 *
 * @param initializers the constants by name, in the order of the file
 * @param unreadable for each constant that cannot be read, the reason by its name
 * @param nodes the operations, in the order of the file
 */
record OnnxGraph(
    Map<String, OnnxTensor> initializers, Map<String, String> unreadable, List<Node> nodes) {

  /**
   * An operation with the names of its inputs. A {@code Constant} also has its values by output.
   */
  record Node(String name, String opType, List<String> inputs, Map<String, OnnxTensor> constants) {}
}
