package io.github.peft4j.train.optimizer;

import ai.djl.ndarray.NDArray;
import io.github.peft4j.kernel.Kernel;
import io.github.peft4j.kernel.Scope;
import io.github.peft4j.tuner.Trainable;
import io.github.peft4j.tuner.training.ParameterGroup;
import java.util.LinkedHashMap;
import java.util.Map;

/**
 * AdamW that counts the updates of each entry of a tensor, for methods that exchange entries during
 * training. It is the optimizer of SpIEL's authors (Ansell et al. 2024, arXiv:2401.16405), made of
 * an earlier one of Hugging Face:
 *
 * <pre>
 * m ← β₁ m + (1 − β₁) g      v ← β₂ v + (1 − β₂) g²
 * p ← p − lr m / ((√v + ε) (1 − β₁ᵃ) / √(1 − β₂ᵃ))      p ← p − lr λ p      a ← a + 1
 * </pre>
 *
 * <p>ε is added before the bias of v is corrected, and the decay comes after the step: both differ
 * from PyTorch. The state of a tensor has the names {@code exp_avg}, {@code exp_avg_sq} and {@code
 * age}, all of the tensor's shape. An age starts as 1, and is the exponent of the next update.
 * {@code betas} are β₁ and β₂, for methods that set moments.
 */
public final class EntryAdamW extends GroupedOptimizer {

  /** β₁ = 0.9, β₂ = 0.999, ε = 1e-8. */
  public static final Settings DEFAULT = new Settings(0.9, 0.999, 1e-8);

  private static final Kernel UPDATE =
      Kernel.of(
          """
          def update(p: List[Tensor], g: List[Tensor], m: List[Tensor], v: List[Tensor], age: List[Tensor], rate: float) -> Tensor:
              for i in range(len(p)):
                  torch.add_(torch.mul_(m[i], {beta1}), g[i], alpha=1.0 - {beta1})
                  torch.addcmul_(torch.mul_(v[i], {beta2}), g[i], g[i], value=1.0 - {beta2})
                  first = torch.rsub(torch.pow({beta1}, age[i]), 1)
                  second = torch.rsub(torch.pow({beta2}, age[i]), 1)
                  root = torch.add(torch.sqrt(v[i]), {epsilon})
                  divisor = torch.div(torch.mul(root, first), torch.sqrt(second))
                  torch.addcdiv_(p[i], m[i], divisor, value=-rate)
                  torch.mul_(p[i], 1.0 - rate * {decay})
                  torch.add_(age[i], 1)
              return age[0]
          """);
  private static final Kernel FILLED =
      Kernel.of(
          """
          def filled(p: Tensor) -> Tensor:
              return torch.full_like(torch.detach(p), {value})
          """);
  private static final Kernel ZEROS = FILLED.with("value", 0);
  private static final Kernel ONES = FILLED.with("value", 1);

  private final Settings settings;

  /**
   * The optimizer's settings.
   *
   * @param beta1 decay of the mean of gradients, 0 or more and below 1
   * @param beta2 decay of the mean of their squares, 0 or more and below 1
   * @param epsilon added to the square root, above 0
   */
  public record Settings(double beta1, double beta2, double epsilon) implements Optimizer.Settings {

    /** Checks the values. */
    public Settings {
      checkMoments("EntryAdamW", beta1, beta2, epsilon);
    }

    @Override
    public EntryAdamW of(Map<Trainable, ParameterGroup> tensors, double learningRate) {
      return new EntryAdamW(this, tensors, learningRate);
    }

    @Override
    public String toString() {
      return "AdamW that counts the updates of entries, with beta1 %s, beta2 %s, epsilon %s"
          .formatted(beta1, beta2, epsilon);
    }
  }

  private EntryAdamW(
      Settings settings, Map<Trainable, ParameterGroup> tensors, double learningRate) {
    super(tensors, learningRate, tensor -> fresh(tensor, settings), tensor -> "", null);
    this.settings = settings;
  }

  private static Map<String, NDArray> fresh(Trainable tensor, Settings settings) {
    Map<String, NDArray> slot = new LinkedHashMap<>();
    slot.put("exp_avg", Scope.release(ZEROS.call(tensor.value())));
    slot.put("exp_avg_sq", Scope.release(ZEROS.call(tensor.value())));
    slot.put("age", Scope.release(ONES.call(tensor.value())));
    float[] betas = {(float) settings.beta1(), (float) settings.beta2()};
    slot.put("betas", Scope.release(tensor.value().getManager().create(betas)));
    return slot;
  }

  @Override
  BoundUpdate bind(Group group, Members members) {
    return BoundUpdate.of(
        UPDATE
            .with("beta1", settings.beta1())
            .with("beta2", settings.beta2())
            .with("epsilon", settings.epsilon())
            .with("decay", group.decay())
            .bind(
                members.values(),
                members.gradients(),
                members.states("exp_avg"),
                members.states("exp_avg_sq"),
                members.states("age")));
  }
}
