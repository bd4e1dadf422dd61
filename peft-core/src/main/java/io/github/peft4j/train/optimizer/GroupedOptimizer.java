package io.github.peft4j.train.optimizer;

import ai.djl.ndarray.NDArray;
import ai.djl.ndarray.NDList;
import io.github.peft4j.kernel.BoundKernel;
import io.github.peft4j.tuner.Trainable;
import io.github.peft4j.tuner.training.ParameterGroup;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.function.Function;
import java.util.stream.Collectors;
import org.jspecify.annotations.Nullable;

/**
 * An optimizer whose tensors of a group are updated in one call of a kernel. The call is bound anew
 * when a gradient has reached more tensors.
 */
abstract class GroupedOptimizer implements Optimizer {

  private final Map<Trainable, Group> groups = new LinkedHashMap<>();
  private final Map<Trainable, Map<String, NDArray>> slots = new LinkedHashMap<>();
  private final Gradients gradients;
  private final List<Call> calls = new ArrayList<>();
  private int bound;

  /**
   * What the tensors of one call have in common. No two of them share memory.
   *
   * @param part the group's learning rate over the reference rate
   * @param decay decoupled weight decay
   * @param views whether they are views of other tensors
   * @param kind what else tells calls apart
   */
  record Group(double part, double decay, boolean views, Object kind) {}

  private record Call(Group group, BoundKernel kernel) {}

  /**
   * Creates the optimizer.
   *
   * @param tensors the tensors to update, in order, each with its group
   * @param learningRate the reference rate
   * @param fresh makes the state of a tensor, by PyTorch's names
   * @param kind tensors of different kinds are updated in different calls
   */
  GroupedOptimizer(
      Map<Trainable, ParameterGroup> tensors,
      double learningRate,
      Function<Trainable, Map<String, NDArray>> fresh,
      Function<Trainable, Object> kind) {
    this.gradients = new Gradients(tensors.keySet());
    tensors.forEach(
        (tensor, group) -> {
          double part = group.learningRate() / learningRate;
          groups.put(
              tensor, new Group(part, group.weightDecay(), tensor.isView(), kind.apply(tensor)));
          slots.put(tensor, fresh.apply(tensor));
        });
  }

  /**
   * The call that updates some tensors, whose only number is the learning rate.
   *
   * @param members tensors of a group that a gradient has reached
   * @param gradients their gradients
   */
  abstract BoundKernel bind(Group group, List<Trainable> members, NDList gradients);

  @Override
  public final Gradients gradients() {
    return gradients;
  }

  @Override
  public final void update(double rate) {
    Map<Trainable, NDArray> arrived = gradients.arrived();
    if (arrived.size() != bound) {
      bind(arrived);
    }
    calls.forEach(call -> call.kernel().call(rate * call.group().part()).close());
  }

  private void bind(Map<Trainable, NDArray> arrived) {
    unbind();
    groups.keySet().stream()
        .filter(arrived::containsKey)
        .collect(Collectors.groupingBy(this::group, LinkedHashMap::new, Collectors.toList()))
        .forEach((group, members) -> calls.add(call(group, members, arrived)));
    bound = arrived.size();
  }

  private Call call(Group group, List<Trainable> members, Map<Trainable, NDArray> arrived) {
    NDList gradients = list(members, tensor -> Objects.requireNonNull(arrived.get(tensor)));
    return new Call(group, bind(group, members, gradients));
  }

  private Group group(Trainable tensor) {
    return Objects.requireNonNull(groups.get(tensor));
  }

  /**
   * Checks the settings of an optimizer with Adam's moments.
   *
   * @param optimizer its name in the message
   * @throws IllegalArgumentException if a beta is not in [0, 1), or epsilon not above 0
   */
  static void checkMoments(String optimizer, double beta1, double beta2, double epsilon) {
    if (!(beta1 >= 0 && beta1 < 1 && beta2 >= 0 && beta2 < 1 && epsilon > 0)) {
      throw new IllegalArgumentException(
          "%s has beta1 %s, beta2 %s and epsilon %s; expected betas of 0 or more and below 1, and an epsilon above 0"
              .formatted(optimizer, beta1, beta2, epsilon));
    }
  }

  /** The same array of the state of each tensor. */
  final NDList states(List<Trainable> tensors, String name) {
    return list(tensors, tensor -> Objects.requireNonNull(moments(tensor).get(name)));
  }

  static NDList list(List<Trainable> tensors, Function<Trainable, NDArray> part) {
    return new NDList(tensors.stream().map(part).toArray(NDArray[]::new));
  }

  @Override
  public final Map<String, NDArray> moments(Trainable tensor) {
    @Nullable Map<String, NDArray> slot = slots.get(tensor);
    return slot == null ? Map.of() : slot;
  }

  @Override
  public final Map<String, NDArray> state() {
    Map<String, NDArray> state = new LinkedHashMap<>();
    int i = 0;
    for (Map<String, NDArray> slot : slots.values()) {
      String prefix = i + ".";
      slot.forEach((name, array) -> state.put(prefix + name, array));
      i++;
    }
    return state;
  }

  private void unbind() {
    calls.forEach(call -> call.kernel().close());
    calls.clear();
    bound = 0;
  }

  @Override
  public final void close() {
    unbind();
    gradients.close();
    state().values().forEach(NDArray::close);
    slots.clear();
  }
}
