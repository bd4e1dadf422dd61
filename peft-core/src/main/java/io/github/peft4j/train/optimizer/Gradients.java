package io.github.peft4j.train.optimizer;

import ai.djl.ndarray.NDArray;
import ai.djl.ndarray.NDList;
import io.github.peft4j.kernel.Autograd;
import io.github.peft4j.kernel.BoundKernel;
import io.github.peft4j.kernel.Kernel;
import io.github.peft4j.kernel.Scope;
import io.github.peft4j.kernel.Tensors;
import io.github.peft4j.tuner.Trainable;
import java.util.ArrayList;
import java.util.BitSet;
import java.util.Collection;
import java.util.HashMap;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.Set;
import java.util.stream.Collectors;
import org.jspecify.annotations.Nullable;

/**
 * The gradients that tensors collect. PyTorch makes a tensor's gradient when the first one reaches
 * it, and adds later ones to it in place; all gradients are clipped and cleared in fused calls.
 */
public final class Gradients implements AutoCloseable {

  private static final Kernel NORM =
      Kernel.of(
          """
          def norm(g: List[Tensor]) -> Tensor:
              return torch.norm(torch.stack(torch._foreach_norm(g, 2)))
          """);
  private static final Kernel SCALE =
      Kernel.of(
          """
          def scale(g: List[Tensor], factor: float) -> Tensor:
              torch._foreach_mul_(g, factor)
              return g[0]
          """);

  /** The norm and the scaling of one device's gradients, without waiting for the norm. */
  private static final Kernel CLIP =
      Kernel.of(
          """
          def clip(g: List[Tensor], most: float) -> Tensor:
              norm = torch.norm(torch.stack(torch._foreach_norm(g, 2)))
              factor = torch.clamp(torch.mul(torch.reciprocal(torch.add(norm, 1e-06)), most), None, 1.)
              torch._foreach_mul_(g, factor)
              return norm
          """);

  private static final Kernel UNSCALE =
      Kernel.of(
          """
          def unscale(g: List[Tensor], scale: float) -> Tensor:
              overflowed = torch.zeros([1], dtype=6, device=g[0].device)
              inverse = torch.full([1], 1 / scale, dtype=6, device=g[0].device)
              torch._amp_foreach_non_finite_check_and_unscale_(g, overflowed, inverse)
              return overflowed
          """);
  private static final Kernel CLEAR =
      Kernel.of(
          """
          def clear(g: List[Tensor]) -> Tensor:
              torch._foreach_zero_(g)
              return g[0]
          """);

  private static final Kernel FLATTEN =
      Kernel.of(
          """
          def flatten(g: List[Tensor]) -> Tensor:
              return torch.flatten_dense_tensors(g)
          """);
  private static final Kernel ADD =
      Kernel.of(
          """
          def add(g: List[Tensor], flat: List[Tensor]) -> List[Tensor]:
              torch._foreach_add_(g, torch.unflatten_dense_tensors(flat[0], g), alpha=1)
              return [g[0]]
          """);
  private static final Kernel SET =
      Kernel.of(
          """
          def set(g: List[Tensor], flat: List[Tensor]) -> List[Tensor]:
              torch._foreach_copy_(g, torch.unflatten_dense_tensors(flat[0], g))
              return [g[0]]
          """);

  /** The calls of the gradients of one device. */
  private static final class Bound {
    private final NDList gradients;
    private final Map<Kernel, BoundKernel> calls = new HashMap<>();

    Bound(List<NDArray> gradients) {
      this.gradients = new NDList(gradients);
    }

    NDArray call(Kernel kernel, double... numbers) {
      return calls.computeIfAbsent(kernel, k -> k.bind(gradients)).call(numbers);
    }

    void close() {
      calls.values().forEach(BoundKernel::close);
    }
  }

  private final List<Trainable> tensors;
  private final List<Trainable> missing;
  private final Map<Trainable, NDArray> found = new LinkedHashMap<>();

  /** One for each device, once they are asked for. */
  private @Nullable List<Bound> bound;

  /** Collects the gradients of these tensors. */
  public Gradients(Collection<Trainable> tensors) {
    this.tensors = List.copyOf(tensors);
    this.missing = new ArrayList<>(tensors);
  }

  /**
   * The gradients that have arrived so far, in the order in which they first did. The optimizer
   * owns the arrays.
   */
  public Map<Trainable, NDArray> arrived() {
    List<Trainable> before = List.copyOf(missing);
    before.forEach(this::find);
    if (missing.size() < before.size()) {
      unbind();
    }
    return found;
  }

  private void find(Trainable tensor) {
    NDArray first = Autograd.gradient(tensor.value());
    if (first != null) {
      found.put(tensor, Scope.release(first));
      missing.remove(tensor);
    }
  }

  private List<Bound> required() {
    List<Bound> all = bound();
    if (all.isEmpty()) {
      throw new IllegalStateException(
          "no gradient has reached any of the " + missing.size() + " trained tensors");
    }
    return all;
  }

  private List<Bound> bound() {
    Map<Trainable, NDArray> all = arrived();
    List<Bound> present = bound;
    if (present == null) {
      present =
          all.values().stream()
              .collect(
                  Collectors.groupingBy(Tensors::place, LinkedHashMap::new, Collectors.toList()))
              .values()
              .stream()
              .map(Bound::new)
              .toList();
      bound = present;
    }
    return present;
  }

  /**
   * Scales the gradients so that their global norm is at most {@code most}.
   *
   * @param most the largest norm, or 0 for no limit
   * @return the norm before scaling; NaN or infinite if a gradient is
   * @throws IllegalStateException if no gradient has arrived
   */
  public double clip(double most) {
    double limit = most > 0 ? most : Double.POSITIVE_INFINITY;
    try (Scope scope = new Scope()) {
      List<Bound> all = required();
      if (all.size() == 1) {
        return Tensors.floats(all.get(0).call(CLIP, limit))[0];
      }
      List<NDArray> norms = all.stream().map(device -> device.call(NORM)).toList();
      double squares = 0;
      for (NDArray norm : norms) {
        double value = Tensors.floats(norm)[0];
        squares += value * value;
      }
      double norm = Math.sqrt(squares);
      double factor = Math.min(1, limit / (norm + 1e-6));
      if (factor < 1) {
        all.forEach(device -> device.call(SCALE, factor));
      }
      return norm;
    }
  }

  /**
   * Divides the gradients by the scale of the loss.
   *
   * @param scale above 0
   * @return whether all gradients are finite
   * @throws IllegalStateException if no gradient has arrived
   */
  public boolean unscale(double scale) {
    try (Scope scope = new Scope()) {
      List<NDArray> overflows =
          required().stream().map(device -> device.call(UNSCALE, scale)).toList();
      return overflows.stream().allMatch(overflow -> Tensors.floats(overflow)[0] == 0);
    }
  }

  /** The tensors that are trained now and that a gradient has reached, by their index. */
  public BitSet reached() {
    Set<Trainable> all = arrived().keySet();
    BitSet reached = new BitSet();
    for (int i = 0; i < tensors.size(); i++) {
      Trainable tensor = tensors.get(i);
      reached.set(i, all.contains(tensor) && tensor.value().hasGradient());
    }
    return reached;
  }

  /** Gives tensors, by their index, a gradient of zeros if none has reached them. */
  public void reach(BitSet indices) {
    BitSet lacking = (BitSet) indices.clone();
    lacking.andNot(reached());
    lacking.stream()
        .mapToObj(tensors::get)
        .map(Trainable::value)
        .forEach(
            value -> {
              try (Scope scope = new Scope()) {
                Autograd.backward(value, Tensors.zerosLike(value));
              }
            });
  }

  /**
   * A copy of the gradients of {@link #reached} tensors, one after the other in their order, (n).
   * The innermost {@link Scope} frees it.
   */
  public NDArray flat() {
    return FLATTEN.callWithLists(ordered()).singletonOrThrow();
  }

  /**
   * Adds to the gradients of {@link #reached} tensors.
   *
   * @param flat as {@link #flat} gives it, on the same device
   */
  public void add(NDArray flat) {
    apply(ADD, flat);
  }

  /**
   * Sets the gradients of {@link #reached} tensors.
   *
   * @param flat as {@link #flat} gives it, on the same device
   */
  public void set(NDArray flat) {
    apply(SET, flat);
  }

  private void apply(Kernel kernel, NDArray flat) {
    try (Scope scope = new Scope()) {
      Autograd.without(() -> kernel.callWithLists(ordered(), new NDList(flat)));
    }
  }

  private NDList ordered() {
    BitSet reached = reached();
    return new NDList(
        reached.stream()
            .mapToObj(i -> Objects.requireNonNull(found.get(tensors.get(i))))
            .toArray(NDArray[]::new));
  }

  /** Sets the gradients to zero. */
  public void clear() {
    bound().forEach(device -> device.call(CLEAR).close());
  }

  private void unbind() {
    if (bound != null) {
      bound.forEach(Bound::close);
      bound = null;
    }
  }

  @Override
  public void close() {
    unbind();
    found.values().forEach(NDArray::close);
    found.clear();
  }
}
