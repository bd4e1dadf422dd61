package io.github.peft4j.train.optimizer;

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
 * AdamW (Loshchilov and Hutter 2017, arXiv:1711.05101) with PyTorch's defaults and results. All
 * tensors of a group are updated in one fused call. A tensor that no gradient has reached stays as
 * it is.
 *
 * <p>The optimizer owns its moments. {@link #state} gives access to them for saving.
 */
public final class AdamW implements AutoCloseable {

  private static final Kernel UPDATE =
      Kernel.of(
          """
          def update(p: List[Tensor], g: List[Tensor], m: List[Tensor], v: List[Tensor], s: List[Tensor], rate: float) -> Tensor:
              torch._foreach_add_(s, 1)
              torch._fused_adamw_(p, g, m, v, annotate(List[Tensor], []), s, lr=rate, beta1=0.9, beta2=0.999, weight_decay={decay}, eps=1e-08, amsgrad=False, maximize=False)
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

  private final List<Slot> slots = new ArrayList<>();
  private @Nullable Reached reached;

  /** The common properties of the tensors in one fused call. No two of them share memory. */
  private record Group(double part, double decay, boolean views) {}

  /** One tensor with its moments and, once one has reached it, its gradient. */
  private static final class Slot {
    private final Trainable parameter;
    private final Group group;
    private final NDArray mean;
    private final NDArray square;
    private final NDArray step;
    private @Nullable NDArray gradient;

    Slot(Trainable parameter, Group group) {
      NDArray value = parameter.value();
      this.parameter = parameter;
      this.group = group;
      this.mean = Scope.release(ZEROS.call(value));
      this.square = Scope.release(ZEROS.call(value));
      this.step = Scope.release(value.getManager().zeros(new Shape(), DataType.FLOAT32));
    }

    /** Whether a first gradient has arrived. PyTorch adds later ones to it in place. */
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
  private record Reached(BoundKernel clip, Map<Group, BoundKernel> updates, BoundKernel clear)
      implements AutoCloseable {
    @Override
    public void close() {
      clip.close();
      updates.values().forEach(BoundKernel::close);
      clear.close();
    }
  }

  /**
   * Creates an optimizer that trains all tensors alike.
   *
   * @param parameters the tensors to update
   * @param weightDecay decoupled weight decay, 0 or more; PyTorch's default is 0.01
   */
  public AdamW(List<Trainable> parameters, double weightDecay) {
    parameters.forEach(
        parameter -> slots.add(new Slot(parameter, new Group(1, weightDecay, parameter.isView()))));
  }

  /**
   * Creates an optimizer with a learning rate and weight decay for each tensor.
   *
   * @param parameters the tensors to update, in order, each with its group
   * @param learningRate the reference rate. {@link #update} scales each group's rate by the ratio
   *     of its argument to this rate
   */
  public AdamW(Map<Trainable, ParameterGroup> parameters, double learningRate) {
    parameters.forEach(
        (parameter, group) -> {
          double part = group.learningRate() / learningRate;
          slots.add(new Slot(parameter, new Group(part, group.weightDecay(), parameter.isView())));
        });
  }

  /**
   * Scales the collected gradients so that their global norm is at most {@code most}.
   *
   * @param most the largest norm, or 0 for no limit
   * @return the norm before scaling; NaN or infinite if a gradient is
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
   * Updates all tensors by the gradients they have collected. The gradients stay until {@link
   * #clear}, because {@link io.github.peft4j.AdapterTraining#afterStep} may read them.
   *
   * @param rate the learning rate
   */
  public void update(double rate) {
    reached().updates().forEach((group, update) -> update.call(rate * group.part()).close());
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
    Map<Group, List<Slot>> groups = new LinkedHashMap<>();
    found.forEach(slot -> groups.computeIfAbsent(slot.group, g -> new ArrayList<>()).add(slot));
    Map<Group, BoundKernel> updates = new LinkedHashMap<>();
    groups.forEach((group, members) -> updates.put(group, update(group, members)));
    Reached bound = new Reached(CLIP.bind(gradients), updates, CLEAR.bind(gradients));
    reached = bound;
    return bound;
  }

  private static BoundKernel update(Group group, List<Slot> slots) {
    return UPDATE
        .with("decay", group.decay())
        .bind(
            list(slots, slot -> slot.parameter.value()),
            list(slots, Slot::gradient),
            list(slots, slot -> slot.mean),
            list(slots, slot -> slot.square),
            list(slots, slot -> slot.step));
  }

  private static NDList list(List<Slot> slots, Function<Slot, NDArray> part) {
    return new NDList(slots.stream().map(part).toArray(NDArray[]::new));
  }

  /** The moments and step counts by name, for saving and restoring. */
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
