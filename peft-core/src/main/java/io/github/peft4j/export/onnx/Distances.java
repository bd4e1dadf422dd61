package io.github.peft4j.export.onnx;

/**
 * A function of the distance between a query and a key, as a table: from a distance on, on either
 * side, its values stay the same.
 */
record Distances(Nodes nodes, Text text) {

  /**
   * The function's value for each query and key.
   *
   * @param values for the distances -n … n of the query from the key, 2n + 1 of them
   * @return (T, T)
   */
  String values(long[] values) {
    long reach = values.length / 2;
    String near =
        nodes.op(
            "Min", nodes.op("Max", text.distances(), nodes.integer(-reach)), nodes.integer(reach));
    return nodes.op("Gather", nodes.integers(values), nodes.add(near, nodes.integer(reach)));
  }
}
