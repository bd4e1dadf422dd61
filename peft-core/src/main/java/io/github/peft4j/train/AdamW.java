package io.github.peft4j.train;

import ai.djl.ndarray.NDArray;
import ai.djl.ndarray.NDList;
import ai.djl.ndarray.NDManager;
import ai.djl.ndarray.types.DataType;
import ai.djl.ndarray.types.Shape;
import io.github.peft4j.kernel.Autograd;
import io.github.peft4j.kernel.Kernel;
import io.github.peft4j.kernel.Scope;
import io.github.peft4j.kernel.Tensors;
import io.github.peft4j.tuner.Trainable;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;

/**
 * AdamW (Loshchilov and Hutter 2017, arXiv:1711.05101) as PyTorch computes it, all tensors in one
 * fused call. A tensor that no gradient has reached is left as it is.
 *
 * <p>The moments are the optimizer's own and can be saved: {@link #state}.
 */
public final class AdamW implements AutoCloseable {

  private static final Kernel UPDATE =
      Kernel.of(
          """
          def update(p: List[Tensor], g: List[Tensor], m: List[Tensor], v: List[Tensor], s: List[Tensor], rate: List[Tensor]) -> List[Tensor]:
              torch._foreach_add_(s, 1)
              torch._fused_adamw_(p, g, m, v, annotate(List[Tensor], []), s, lr=rate[0], beta1={beta1}, beta2={beta2}, weight_decay={decay}, eps={eps}, amsgrad=False, maximize=False)
              return rate
          """);
  private static final Kernel CLIP =
      Kernel.of(
          """
          def clip(g: List[Tensor]) -> List[Tensor]:
              norm = torch.norm(torch.stack(torch._foreach_norm(g, 2)))
              factor = torch.clamp(torch.mul(torch.reciprocal(torch.add(norm, 1e-06)), {most}), None, 1.)
              torch._foreach_mul_(g, factor)
              return [norm]
          """);
  private static final Kernel NORM =
      Kernel.of(
          """
          def norm(g: List[Tensor]) -> List[Tensor]:
              return [torch.norm(torch.stack(torch._foreach_norm(g, 2)))]
          """);

  private final List<Slot> slots = new ArrayList<>();
  private final Kernel update;

  /** One tensor with its moments. */
  private record Slot(Trainable parameter, NDArray mean, NDArray square, NDArray step) {}

  /**
   * Creates an optimizer.
   *
   * @param parameters what it updates
   * @param weightDecay decoupled; PyTorch's default is 0.01
   */
  public AdamW(List<Trainable> parameters, double weightDecay) {
    this(parameters, weightDecay, 0.9, 0.999, 1e-8);
  }

  /** Creates an optimizer with moments' decays and epsilon of its own. */
  public AdamW(
      List<Trainable> parameters, double weightDecay, double beta1, double beta2, double epsilon) {
    this.update =
        UPDATE
            .with("beta1", beta1)
            .with("beta2", beta2)
            .with("decay", weightDecay)
            .with("eps", epsilon);
    for (Trainable parameter : parameters) {
      NDArray value = parameter.value();
      NDManager manager = value.getManager();
      slots.add(
          new Slot(
              parameter,
              Scope.release(value.zerosLike()),
              Scope.release(value.zerosLike()),
              Scope.release(manager.zeros(new Shape(), DataType.FLOAT32))));
    }
  }

  /**
   * Scales the collected gradients so that their global norm is at most {@code most}.
   *
   * @param most the largest norm, or 0 for any
   * @return the norm before; NaN or infinite if a gradient is
   */
  public double clip(double most) {
    try (Scope scope = new Scope()) {
      NDList gradients = new NDList();
      for (Slot slot : slots) {
        NDArray gradient = Autograd.gradient(slot.parameter().value());
        if (gradient != null) {
          gradients.add(gradient);
        }
      }
      if (gradients.isEmpty()) {
        throw new IllegalStateException(
            "no gradient has reached any of the " + slots.size() + " trained tensors");
      }
      Kernel kernel = most > 0 ? CLIP.with("most", most) : NORM;
      return Tensors.floats(kernel.callWithLists(gradients).singletonOrThrow())[0];
    }
  }

  /**
   * Updates all tensors by the gradients they have collected, and clears these.
   *
   * @param rate the learning rate
   */
  public void step(double rate) {
    update(rate);
    clear();
  }

  /**
   * Updates all tensors by the gradients they have collected, which stay: {@link
   * io.github.peft4j.Adapter#afterStep} may want them before {@link #clear}.
   *
   * @param rate the learning rate
   */
  public void update(double rate) {
    try (Scope scope = new Scope()) {
      NDList p = new NDList();
      NDList g = new NDList();
      NDList m = new NDList();
      NDList v = new NDList();
      NDList s = new NDList();
      for (Slot slot : slots) {
        NDArray value = slot.parameter().value();
        NDArray gradient = Autograd.gradient(value);
        if (gradient != null) {
          p.add(value);
          g.add(gradient);
          m.add(slot.mean());
          v.add(slot.square());
          s.add(slot.step());
        }
      }
      NDList rates = new NDList(p.get(0).getManager().create((float) rate));
      Autograd.without(() -> update.callWithLists(p, g, m, v, s, rates));
    }
  }

  /** Clears the collected gradients. */
  public void clear() {
    slots.forEach(slot -> slot.parameter().clearGradient());
  }

  /** The moments and step counts by name, to be saved and to be set from what was saved. */
  public Map<String, NDArray> state() {
    Map<String, NDArray> state = new LinkedHashMap<>();
    for (int i = 0; i < slots.size(); i++) {
      state.put(i + ".exp_avg", slots.get(i).mean());
      state.put(i + ".exp_avg_sq", slots.get(i).square());
      state.put(i + ".step", slots.get(i).step());
    }
    return state;
  }

  @Override
  public void close() {
    state().values().forEach(NDArray::close);
    slots.clear();
  }
}
