package io.github.peft4j.methods.xlora;

import ai.djl.ndarray.NDArray;
import io.github.peft4j.kernel.Dropout;
import io.github.peft4j.kernel.Kernel;
import io.github.peft4j.tuner.Declarations;
import io.github.peft4j.tuner.ForwardContext;
import io.github.peft4j.tuner.SharedTensor;
import io.github.peft4j.tuner.Trainable;
import io.github.peft4j.tuner.injection.Initializer;
import java.util.ArrayList;
import java.util.List;
import java.util.Objects;

/**
 * The weights of all modules and adapters for each token, (B, T, L, n): softmax(f(h) / τ), with h
 * the frozen model's last hidden states (B, T, D). f is d linear maps with ReLU between them.
 */
final class Classifier {

  /** What the names of its tensors begin with. */
  static final String KEYS = "internal_xlora_classifier.layers.";

  private static final Kernel LINEAR =
      Kernel.of(
          """
          def linear(x: Tensor, w: Tensor, b: Tensor) -> Tensor:
              return torch.linear(x.to(w.dtype), w, b)
          """);
  private static final Kernel RELU =
      Kernel.of(
          """
          def relu(x: Tensor) -> Tensor:
              return torch.relu(x)
          """);
  private static final Kernel WEIGHTS =
      Kernel.of(
          """
          def weights(logits: Tensor) -> Tensor:                 # (B, T, n) or (B, T, L · n)
              shape = [torch.size(logits, 0), torch.size(logits, 1), -1, {n}]
              p = torch.reshape(logits, shape)                   # (B, T, 1 or L, n)
              if {softmax}:
                  p = torch.softmax(torch.div(p, {temperature}), -1)
              return torch.mul(p, 1.)
          """);

  private final XLoraConfig config;
  private final List<Trainable> tensors = new ArrayList<>();
  private final SharedTensor weights;

  /**
   * Creates a classifier.
   *
   * @param modules L
   * @param layer declares its tensors
   */
  Classifier(XLoraConfig config, int modules, Initializer initial, Declarations layer) {
    this.config = config;
    int depth = config.xloraDepth();
    int step = config.xloraDropoutP() > 0 ? 3 : 2; // PEFT counts ReLU and dropout
    long outputs = (long) config.adapters().size() * (config.layerwiseScalings() ? modules : 1);
    long in = Objects.requireNonNull(config.hiddenSize());
    for (int i = 0; i < depth; i++) {
      long out = i == depth - 1 ? outputs : config.xloraSize();
      String name = KEYS + i * step;
      tensors.add(layer.trainable(name + ".weight", initial.kaimingUniform(out, in)));
      tensors.add(
          layer.trainable(name + ".bias", initial.uniform(1 / Math.sqrt((double) in), out)));
      in = out;
    }
    this.weights = new SharedTensor(tensors, this::compute);
  }

  /** The weights (B, T, L or 1, n). */
  SharedTensor weights() {
    return weights;
  }

  private NDArray compute(ForwardContext context) {
    NDArray x = context.frozenStates();
    for (int i = 0; i < tensors.size(); i += 2) {
      x = LINEAR.call(x, tensors.get(i).value(), tensors.get(i + 1).value());
      if (i + 2 < tensors.size()) {
        x = RELU.call(x);
        if (context.isTraining()
            && tensors.get(0).value().hasGradient()
            && config.xloraDropoutP() > 0) {
          x = Dropout.of(config.xloraDropoutP()).call(x);
        }
      }
    }
    return WEIGHTS
        .with("n", config.adapters().size())
        .with("softmax", config.enableSoftmax() ? "True" : "False")
        .with("temperature", config.softmaxTemperature())
        .call(x);
  }
}
