package io.github.peft4j.train.optimizer;

import ai.djl.ndarray.NDArray;
import ai.djl.ndarray.NDList;
import ai.djl.ndarray.types.DataType;
import ai.djl.ndarray.types.Shape;
import io.github.peft4j.kernel.BoundKernel;
import io.github.peft4j.kernel.Kernel;
import io.github.peft4j.kernel.Scope;
import io.github.peft4j.tuner.Trainable;
import io.github.peft4j.tuner.training.ParameterGroup;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;

/**
 * AdamW (Loshchilov and Hutter 2017, arXiv:1711.05101) with PyTorch's results. All tensors of a
 * group are updated in one fused call.
 */
public final class AdamW extends GroupedOptimizer {

  /** AdamW with PyTorch's defaults: β₁ = 0.9, β₂ = 0.999, ε = 1e-8. */
  public static final Settings DEFAULT = new Settings(0.9, 0.999, 1e-8);

  private static final Kernel UPDATE =
      Kernel.of(
          """
          def update(p: List[Tensor], g: List[Tensor], m: List[Tensor], v: List[Tensor], s: List[Tensor], rate: float) -> Tensor:
              torch._foreach_add_(s, 1)
              torch._fused_adamw_(p, g, m, v, annotate(List[Tensor], []), s, lr=rate, beta1={beta1}, beta2={beta2}, weight_decay={decay}, eps={epsilon}, amsgrad=False, maximize=False)
              return s[0]
          """);

  /**
   * Zeros in the memory layout of the parameter, also if it is a view, as CUDA's fused calls
   * require.
   */
  private static final Kernel ZEROS =
      Kernel.of(
          """
          def zeros(p: Tensor) -> Tensor:
              return torch.zeros_like(torch.detach(p))
          """);

  private final Settings settings;

  /**
   * AdamW's settings.
   *
   * @param beta1 decay of the mean of gradients, 0 or more and below 1
   * @param beta2 decay of the mean of their squares, 0 or more and below 1
   * @param epsilon added to the square root, above 0
   */
  public record Settings(double beta1, double beta2, double epsilon) implements Optimizer.Settings {

    /** Checks the values. */
    public Settings {
      checkMoments("AdamW", beta1, beta2, epsilon);
    }

    @Override
    public AdamW of(Map<Trainable, ParameterGroup> tensors, double learningRate) {
      return new AdamW(this, tensors, learningRate);
    }

    @Override
    public String toString() {
      return "AdamW with beta1 %s, beta2 %s, epsilon %s".formatted(beta1, beta2, epsilon);
    }
  }

  private AdamW(Settings settings, Map<Trainable, ParameterGroup> tensors, double learningRate) {
    super(tensors, learningRate, AdamW::fresh, tensor -> "");
    this.settings = settings;
  }

  private static Map<String, NDArray> fresh(Trainable tensor) {
    NDArray value = tensor.value();
    Map<String, NDArray> slot = new LinkedHashMap<>();
    slot.put("exp_avg", Scope.release(ZEROS.call(value)));
    slot.put("exp_avg_sq", Scope.release(ZEROS.call(value)));
    slot.put("step", Scope.release(value.getManager().zeros(new Shape(), DataType.FLOAT32)));
    return slot;
  }

  /**
   * AdamW with PyTorch's defaults that trains all tensors alike.
   *
   * @param tensors the tensors to update
   * @param weightDecay decoupled weight decay, 0 or more; PyTorch's default is 0.01
   */
  public static AdamW of(List<Trainable> tensors, double weightDecay) {
    ParameterGroup alike = new ParameterGroup(1, weightDecay);
    Map<Trainable, ParameterGroup> groups = new LinkedHashMap<>();
    tensors.forEach(tensor -> groups.put(tensor, alike));
    return DEFAULT.of(groups, alike.learningRate());
  }

  @Override
  BoundKernel bind(Group group, List<Trainable> members, NDList gradients) {
    return UPDATE
        .with("beta1", settings.beta1())
        .with("beta2", settings.beta2())
        .with("epsilon", settings.epsilon())
        .with("decay", group.decay())
        .bind(
            list(members, Trainable::value),
            gradients,
            states(members, "exp_avg"),
            states(members, "exp_avg_sq"),
            states(members, "step"));
  }
}
