package io.github.peft4j.export.onnx;

import io.github.peft4j.transformer.activation.Activation;
import java.util.Map;

/** Activation functions as nodes. */
final class ActivationNodes {

  private ActivationNodes() {}

  /** f(x). */
  static String apply(Activation f, String x, Nodes nodes) {
    return switch (f) {
      case GELU, GELU_PYTHON -> gelu(x, nodes);
      case GELU_10 -> nodes.op("Clip", gelu(x, nodes), nodes.number(-10), nodes.number(10));
      case GELU_NEW, GELU_PYTORCH_TANH, GELU_PYTHON_TANH, GELU_ACCURATE, GELU_FAST ->
          geluByTanh(x, nodes);
      case QUICK_GELU -> nodes.mul(x, nodes.op("Sigmoid", nodes.scaled(x, 1.702)));
      case RELU -> nodes.op("Relu", x);
      case RELU2 -> {
        String y = nodes.op("Relu", x);
        yield nodes.mul(y, y);
      }
      case RELU6 -> nodes.op("Clip", x, nodes.number(0), nodes.number(6));
      case LEAKY_RELU -> nodes.op("LeakyRelu", Map.of("alpha", 0.01f), x);
      case SIGMOID -> nodes.op("Sigmoid", x);
      case MISH -> nodes.mul(x, nodes.op("Tanh", nodes.op("Softplus", x)));
      case HARDSWISH -> nodes.op("HardSwish", x);
      case LINEAR -> x;
      case SILU, SWISH -> nodes.mul(x, nodes.op("Sigmoid", x));
      case TANH -> nodes.op("Tanh", x);
    };
  }

  /** x Φ(x), in the nodes that ONNX Runtime fuses. */
  private static String gelu(String x, Nodes nodes) {
    String erf = nodes.op("Erf", nodes.op("Div", x, nodes.number(Math.sqrt(2))));
    return nodes.scaled(nodes.mul(x, nodes.add(erf, nodes.number(1))), 0.5);
  }

  /** x/2 (1 + tanh(√(2/π) (x + 0.044715 x³))). */
  private static String geluByTanh(String x, Nodes nodes) {
    String cube = nodes.mul(nodes.mul(x, x), x);
    String inner = nodes.scaled(nodes.add(x, nodes.scaled(cube, 0.044715)), Math.sqrt(2 / Math.PI));
    return nodes.mul(nodes.scaled(x, 0.5), nodes.add(nodes.op("Tanh", inner), nodes.number(1)));
  }
}
