package io.github.peft4j.train;

import ai.djl.ndarray.NDArray;
import ai.djl.ndarray.NDList;
import ai.djl.ndarray.types.DataType;
import ai.djl.ndarray.types.Shape;
import io.github.peft4j.kernel.Autograd;
import io.github.peft4j.kernel.BoundKernel;
import io.github.peft4j.kernel.Kernel;
import io.github.peft4j.kernel.Scope;
import io.github.peft4j.kernel.Tensors;
import io.github.peft4j.tuner.Trainable;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.function.Function;
import org.jspecify.annotations.Nullable;

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
          def update(p: List[Tensor], g: List[Tensor], m: List[Tensor], v: List[Tensor], s: List[Tensor], rate: float) -> Tensor:
              torch._foreach_add_(s, 1)
              torch._fused_adamw_(p, g, m, v, annotate(List[Tensor], []), s, lr=rate, beta1={beta1}, beta2={beta2}, weight_decay={decay}, eps={eps}, amsgrad=False, maximize=False)
              return s[0]
          """);
  private static final Kernel CLIP =
      Kernel.of(
          """
          def clip(g: List[Tensor], most: float) -> Tensor:
              norm = torch.norm(torch.stack(torch._foreach_norm(g, 2)))
              factor = torch.clamp(torch.mul(torch.reciprocal(torch.add(norm, 1e-06)), most), None, 1.)
              torch._foreach_mul_(g, factor)
              return norm
          """);
  private static final Kernel CLEAR =
      Kernel.of(
          """
          def clear(g: List[Tensor]) -> Tensor:
              torch._foreach_zero_(g)
              return g[0]
          """);

  private final List<Slot> slots = new ArrayList<>();
  private final Kernel update;
  private @Nullable Reached reached;

  /** One tensor with its moments and, once one has reached it, its gradient. */
  private static final class Slot {
    private final Trainable parameter;
    private final NDArray mean;
    private final NDArray square;
    private final NDArray step;
    private @Nullable NDArray gradient;

    Slot(Trainable parameter) {
      NDArray value = parameter.value();
      this.parameter = parameter;
      this.mean = Scope.release(value.zerosLike());
      this.square = Scope.release(value.zerosLike());
      this.step = Scope.release(value.getManager().zeros(new Shape(), DataType.FLOAT32));
    }

    /** Whether a first gradient has come. PyTorch adds later ones to it in place. */
    boolean found() {
      if (gradient != null) {
        return false;
      }
      NDArray first = Autograd.gradient(parameter.value());
      gradient = first == null ? null : Scope.release(first);
      return gradient != null;
    }

    NDArray gradient() {
      return Objects.requireNonNull(gradient);
    }
  }

  /** The calls on the tensors that gradients have reached. */
  private record Reached(BoundKernel clip, BoundKernel update, BoundKernel clear)
      implements AutoCloseable {
    @Override
    public void close() {
      clip.close();
      update.close();
      clear.close();
    }
  }

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
    parameters.forEach(parameter -> slots.add(new Slot(parameter)));
  }

  /**
   * Scales the collected gradients so that their global norm is at most {@code most}.
   *
   * @param most the largest norm, or 0 for any
   * @return the norm before; NaN or infinite if a gradient is
   */
  public double clip(double most) {
    try (Scope scope = new Scope()) {
      NDArray norm = reached().clip().call(most > 0 ? most : Double.POSITIVE_INFINITY);
      return Tensors.floats(norm)[0];
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
    reached().update().call(rate).close();
  }

  /** Clears the collected gradients. */
  public void clear() {
    reached().clear().call().close();
  }

  private Reached reached() {
    boolean more = false;
    for (Slot slot : slots) {
      more |= slot.found();
    }
    Reached present = reached;
    if (present != null && !more) {
      return present;
    }
    List<Slot> found = slots.stream().filter(slot -> slot.gradient != null).toList();
    if (found.isEmpty()) {
      throw new IllegalStateException(
          "no gradient has reached any of the " + slots.size() + " trained tensors");
    }
    if (present != null) {
      present.close();
    }
    NDList gradients = list(found, Slot::gradient);
    Reached bound =
        new Reached(
            CLIP.bind(gradients),
            update.bind(
                list(found, slot -> slot.parameter.value()),
                gradients,
                list(found, slot -> slot.mean),
                list(found, slot -> slot.square),
                list(found, slot -> slot.step)),
            CLEAR.bind(gradients));
    reached = bound;
    return bound;
  }

  private static NDList list(List<Slot> slots, Function<Slot, NDArray> part) {
    return new NDList(slots.stream().map(part).toArray(NDArray[]::new));
  }

  /** The moments and step counts by name, to be saved and to be set from what was saved. */
  public Map<String, NDArray> state() {
    Map<String, NDArray> state = new LinkedHashMap<>();
    for (int i = 0; i < slots.size(); i++) {
      state.put(i + ".exp_avg", slots.get(i).mean);
      state.put(i + ".exp_avg_sq", slots.get(i).square);
      state.put(i + ".step", slots.get(i).step);
    }
    return state;
  }

  @Override
  public void close() {
    if (reached != null) {
      reached.close();
    }
    state().values().forEach(NDArray::close);
    slots.stream().filter(slot -> slot.gradient != null).forEach(s -> s.gradient().close());
    slots.clear();
  }
}
