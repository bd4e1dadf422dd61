package io.github.peft4j.methods.lora.training;

import ai.djl.ndarray.NDArray;
import io.github.peft4j.kernel.Autograd;
import io.github.peft4j.kernel.Kernel;
import io.github.peft4j.kernel.Scope;
import io.github.peft4j.methods.lora.factors.Factored;
import io.github.peft4j.methods.lora.factors.Factors;
import io.github.peft4j.tuner.Trainable;
import io.github.peft4j.tuner.site.Rewrite;
import io.github.peft4j.tuner.training.ParameterGroup;
import io.github.peft4j.tuner.training.Step;
import io.github.peft4j.tuner.training.StepListener;
import io.github.peft4j.tuner.training.TrainingRule;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;

/**
 * LoRA-FA (Zhang et al. 2023, arXiv:2308.03303): A keeps its initial value and only B is trained. A
 * layer therefore keeps A x (…, r) for the backward pass instead of its input x (…, in).
 *
 * <pre>{@code
 * FineTuner.of(model).on(examples).rule(new LoraFa()).run();
 * }</pre>
 *
 * <p>As in PEFT's {@code create_lorafa_optimizer}, AdamW gets the gradient of B whose step is
 * nearest to that of full fine-tuning: 1/s² · ∂L/∂B · (A Aᵀ)⁻¹. The update is PyTorch's AdamW,
 * whose epsilon and decay differ slightly from PEFT's own. LoRA on embeddings, where A starts at
 * zero, and all other tensors are trained as usual.
 */
public record LoraFa() implements TrainingRule {

  private static final Kernel INVERSE =
      Kernel.of(
          """
          def inverse(a: Tensor) -> Tensor:                                # a (r, in) → (r, r)
              square = torch.mm(a, torch.t(a))
              small = torch.mul(torch.eye(torch.size(a, 0), dtype=a.dtype, layout=None, device=a.device), 1e-08)
              return torch.mul(torch.linalg_pinv(torch.add(square, small)), {factor})
          """);
  private static final Kernel CORRECT =
      Kernel.of(
          """
          def correct(gradient: Tensor, inverse: Tensor) -> Tensor:        # gradient (out, r)
              return torch.copy_(gradient, torch.mm(gradient, inverse))
          """);

  @Override
  public Optional<ParameterGroup> groupOf(String name, Trainable tensor, ParameterGroup usual) {
    return name.endsWith(".lora_A.weight") ? Optional.empty() : Optional.of(usual);
  }

  @Override
  public StepListener listener(List<Rewrite> layers) {
    List<Factors> modules = new ArrayList<>();
    layers.forEach(
        rewrite -> {
          if (rewrite.layer() instanceof Factored layer) {
            modules.add(layer.factors());
          }
        });
    if (modules.isEmpty()) {
      throw new IllegalArgumentException(
          "LoRA-FA trains LoRA on linear modules, but the adapter has none");
    }
    return new Projections(modules);
  }

  /**
   * The projections of all modules. They are computed at the first step, because a resumed run
   * first reads A from its checkpoint.
   */
  private static final class Projections implements StepListener {

    private final List<Factors> modules;
    private final List<Projection> projections = new ArrayList<>();

    Projections(List<Factors> modules) {
      this.modules = modules;
    }

    @Override
    public void beforeUpdate(Step step) {
      if (projections.isEmpty()) {
        modules.forEach(factors -> projections.add(Projection.of(factors)));
      }
      projections.forEach(projection -> projection.correct(step));
    }

    @Override
    public void afterTraining() {
      projections.forEach(projection -> projection.inverse.close());
      projections.clear();
    }
  }

  /** B and 1/s² (A Aᵀ)⁻¹ (r, r) of one module. The latter is constant, as A is. */
  private record Projection(Trainable b, NDArray inverse) {

    static Projection of(Factors factors) {
      Kernel kernel = INVERSE.with("factor", 1 / (factors.scale() * factors.scale()));
      NDArray a = factors.trainedA().value();
      return new Projection(
          factors.trainedB(), Scope.release(Autograd.without(() -> kernel.call(a))));
    }

    void correct(Step step) {
      NDArray gradient = step.gradient(b);
      if (gradient != null) {
        CORRECT.call(gradient, inverse).close();
      }
    }
  }
}
