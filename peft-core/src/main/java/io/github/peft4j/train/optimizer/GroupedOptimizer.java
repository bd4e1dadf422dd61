package io.github.peft4j.train.optimizer;

import ai.djl.Device;
import ai.djl.ndarray.NDArray;
import ai.djl.ndarray.NDList;
import io.github.peft4j.kernel.Tensors;
import io.github.peft4j.tuner.Trainable;
import io.github.peft4j.tuner.training.ParameterGroup;
import java.util.ArrayList;
import java.util.Iterator;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.function.Function;
import java.util.stream.Collectors;
import org.jspecify.annotations.Nullable;

/**
 * An optimizer whose tensors of a group are updated in one call of a kernel. The call is bound anew
 * when a gradient has reached more tensors. States that wait on the host come from there, and go
 * back.
 */
abstract class GroupedOptimizer implements Optimizer {

  private final Map<Trainable, Group> groups = new LinkedHashMap<>();
  private final Map<Trainable, Map<String, NDArray>> slots = new LinkedHashMap<>();
  private final Gradients gradients;
  private final @Nullable Paging paging;
  private final List<Call> calls = new ArrayList<>();
  private final List<Page> pages = new ArrayList<>();
  private int bound;

  /**
   * What the tensors of one call have in common. No two of them share memory.
   *
   * @param part the group's learning rate over the reference rate
   * @param decay decoupled weight decay
   * @param views whether they are views of other tensors
   * @param place of their memory, see {@link Tensors#place}
   * @param kind what else tells calls apart
   */
  record Group(double part, double decay, boolean views, Object place, Object kind) {}

  /**
   * Tensors of a group that a gradient has reached.
   *
   * @param tensors the tensors
   * @param gradients their gradients
   * @param slots the state of each, on the device
   */
  record Members(
      List<Trainable> tensors, NDList gradients, Function<Trainable, Map<String, NDArray>> slots) {

    /** The tensors' values. */
    NDList values() {
      return list(tensors, Trainable::value);
    }

    /** The same array of the state of each tensor. */
    NDList states(String name) {
      return list(tensors, tensor -> Objects.requireNonNull(slots.apply(tensor).get(name)));
    }
  }

  private record Call(Group group, BoundUpdate update) {}

  /** Tensors that are updated together when their states come from the host. */
  private record Page(Group group, List<Trainable> tensors, NDList gradients, NDList waiting) {
    Device device() {
      return tensors.get(0).value().getDevice();
    }
  }

  /**
   * Creates the optimizer.
   *
   * @param tensors the tensors to update, in order, each with its group
   * @param learningRate the reference rate
   * @param fresh makes the state of a tensor, by PyTorch's names
   * @param kind tensors of different kinds are updated in different calls
   * @param paging what waits on the host, or null if nothing does
   */
  GroupedOptimizer(
      Map<Trainable, ParameterGroup> tensors,
      double learningRate,
      Function<Trainable, Map<String, NDArray>> fresh,
      Function<Trainable, Object> kind,
      @Nullable Paging paging) {
    this.gradients = new Gradients(tensors.keySet());
    this.paging = paging;
    tensors.forEach(
        (tensor, group) -> {
          double part = group.learningRate() / learningRate;
          groups.put(
              tensor,
              new Group(
                  part,
                  group.weightDecay(),
                  tensor.isView(),
                  Tensors.place(tensor.value()),
                  kind.apply(tensor)));
          Map<String, NDArray> slot = fresh.apply(tensor);
          slots.put(tensor, slot);
          if (paging != null) {
            paging.move(slot, tensor.value().getDevice());
          }
        });
  }

  /**
   * The update of some tensors.
   *
   * @param members the tensors
   */
  abstract BoundUpdate bind(Group group, Members members);

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
    calls.forEach(call -> call.update().run(rate * call.group().part()));
    if (paging != null && !pages.isEmpty()) {
      updatePages(paging, rate);
    }
  }

  private void updatePages(Paging paging, double rate) {
    Map<Device, List<Page>> byDevice =
        pages.stream()
            .collect(Collectors.groupingBy(Page::device, LinkedHashMap::new, Collectors.toList()));
    byDevice.forEach(
        (device, some) ->
            paging
                .pages(device)
                .forEach(
                    some.stream().map(Page::waiting).toList(),
                    (here, i) -> update(paging, some.get(i), here, rate)));
  }

  private void update(Paging paging, Page page, NDList here, double rate) {
    Iterator<NDArray> next = here.iterator();
    Map<Trainable, Map<String, NDArray>> whole = new LinkedHashMap<>();
    page.tensors().forEach(tensor -> whole.put(tensor, paging.whole(moments(tensor), next)));
    Members members =
        new Members(
            page.tensors(), page.gradients(), tensor -> Objects.requireNonNull(whole.get(tensor)));
    try (BoundUpdate update = bind(page.group(), members)) {
      update.run(rate * page.group().part());
    }
  }

  private void bind(Map<Trainable, NDArray> arrived) {
    unbind();
    groups.keySet().stream()
        .filter(arrived::containsKey)
        .collect(Collectors.groupingBy(this::group, LinkedHashMap::new, Collectors.toList()))
        .forEach((group, members) -> bind(group, members, arrived));
    bound = arrived.size();
  }

  private void bind(Group group, List<Trainable> tensors, Map<Trainable, NDArray> arrived) {
    Function<Trainable, NDArray> gradient = t -> Objects.requireNonNull(arrived.get(t));
    List<Trainable> resident = new ArrayList<>(tensors);
    if (paging != null) {
      resident.removeAll(divide(paging, group, tensors, gradient));
    }
    if (!resident.isEmpty()) {
      Members members = new Members(resident, list(resident, gradient), this::moments);
      calls.add(new Call(group, bind(group, members)));
    }
  }

  /** Adds the pages of a group, and returns the tensors that are in them. */
  private List<Trainable> divide(
      Paging paging, Group group, List<Trainable> tensors, Function<Trainable, NDArray> gradient) {
    List<Trainable> waiting =
        tensors.stream().filter(tensor -> !paging.waiting(moments(tensor)).isEmpty()).toList();
    for (List<Trainable> some : paging.divide(waiting, this::moments)) {
      NDList states = new NDList();
      some.forEach(tensor -> states.addAll(paging.waiting(moments(tensor)).values()));
      pages.add(new Page(group, some, list(some, gradient), states));
    }
    return waiting;
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
    calls.forEach(call -> call.update().close());
    calls.clear();
    pages.clear();
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
