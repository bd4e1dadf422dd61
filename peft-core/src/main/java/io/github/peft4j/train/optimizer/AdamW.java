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
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.function.Function;
import java.util.stream.Collectors;

/**
 * AdamW (Loshchilov and Hutter 2017, arXiv:1711.05101) with PyTorch's results. All tensors of a
 * group are updated in one fused call.
 */
public final class AdamW implements Optimizer {

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
  private final Map<Trainable, Slot> slots = new LinkedHashMap<>();
  private final Gradients gradients;
  private final List<Update> updates = new ArrayList<>();
  private int bound;

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
      if (!(beta1 >= 0 && beta1 < 1 && beta2 >= 0 && beta2 < 1 && epsilon > 0)) {
        throw new IllegalArgumentException(
            "AdamW has beta1 %s, beta2 %s and epsilon %s; expected betas of 0 or more and below 1, and an epsilon above 0"
                .formatted(beta1, beta2, epsilon));
      }
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

  /** The common properties of the tensors in one fused call. No two of them share memory. */
  private record Group(double part, double decay, boolean views) {}

  /** The moments of one tensor. */
  private record Slot(Group group, NDArray mean, NDArray square, NDArray step) {

    static Slot of(Trainable tensor, Group group) {
      NDArray value = tensor.value();
      return new Slot(
          group,
          Scope.release(ZEROS.call(value)),
          Scope.release(ZEROS.call(value)),
          Scope.release(value.getManager().zeros(new Shape(), DataType.FLOAT32)));
    }
  }

  /** The fused call of one group. */
  private record Update(Group group, BoundKernel kernel) {}

  private AdamW(Settings settings, Map<Trainable, ParameterGroup> tensors, double learningRate) {
    this.settings = settings;
    this.gradients = new Gradients(tensors.keySet());
    tensors.forEach(
        (tensor, group) -> {
          double part = group.learningRate() / learningRate;
          slots.put(tensor, Slot.of(tensor, new Group(part, group.weightDecay(), tensor.isView())));
        });
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
  public Gradients gradients() {
    return gradients;
  }

  @Override
  public void update(double rate) {
    Map<Trainable, NDArray> arrived = gradients.arrived();
    if (arrived.size() != bound) {
      bind(arrived);
    }
    updates.forEach(update -> update.kernel().call(rate * update.group().part()).close());
  }

  private void bind(Map<Trainable, NDArray> arrived) {
    unbind();
    slots.keySet().stream()
        .filter(arrived::containsKey)
        .collect(Collectors.groupingBy(this::groupOf, LinkedHashMap::new, Collectors.toList()))
        .forEach((group, members) -> updates.add(new Update(group, bind(group, members, arrived))));
    bound = arrived.size();
  }

  private BoundKernel bind(Group group, List<Trainable> members, Map<Trainable, NDArray> arrived) {
    return UPDATE
        .with("beta1", settings.beta1())
        .with("beta2", settings.beta2())
        .with("epsilon", settings.epsilon())
        .with("decay", group.decay())
        .bind(
            list(members, Trainable::value),
            list(members, tensor -> Objects.requireNonNull(arrived.get(tensor))),
            list(members, tensor -> slot(tensor).mean()),
            list(members, tensor -> slot(tensor).square()),
            list(members, tensor -> slot(tensor).step()));
  }

  private Group groupOf(Trainable tensor) {
    return slot(tensor).group();
  }

  private Slot slot(Trainable tensor) {
    return Objects.requireNonNull(slots.get(tensor));
  }

  private static NDList list(List<Trainable> tensors, Function<Trainable, NDArray> part) {
    return new NDList(tensors.stream().map(part).toArray(NDArray[]::new));
  }

  @Override
  public Map<String, NDArray> moments(Trainable tensor) {
    Slot slot = slots.get(tensor);
    return slot == null
        ? Map.of()
        : Map.of("exp_avg", slot.mean(), "exp_avg_sq", slot.square(), "step", slot.step());
  }

  @Override
  public Map<String, NDArray> state() {
    Map<String, NDArray> state = new LinkedHashMap<>();
    int i = 0;
    for (Slot slot : slots.values()) {
      state.put(i + ".exp_avg", slot.mean());
      state.put(i + ".exp_avg_sq", slot.square());
      state.put(i + ".step", slot.step());
      i++;
    }
    return state;
  }

  private void unbind() {
    updates.forEach(update -> update.kernel().close());
    updates.clear();
    bound = 0;
  }

  @Override
  public void close() {
    unbind();
    gradients.close();
    state().values().forEach(NDArray::close);
    slots.clear();
  }
}
