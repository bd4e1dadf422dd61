package io.github.peft4j.methods.common.sparse;

import ai.djl.ndarray.NDArray;
import io.github.peft4j.kernel.Kernel;
import io.github.peft4j.kernel.Scope;
import io.github.peft4j.kernel.Tensors;
import io.github.peft4j.tuner.Trainable;
import io.github.peft4j.tuner.training.Step;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.function.Supplier;

/**
 * Which entries of dense changes are trained: a mask for each, 1 or 0. It starts as the entries
 * that are not zero.
 */
public final class Masks implements AutoCloseable {

  private static final Kernel MULTIPLY =
      Kernel.of(
          """
          def multiply(x: Tensor, kept: Tensor) -> Tensor:
              return torch.mul_(x, kept)
          """);
  private static final Kernel NOT_ZERO =
      Kernel.of(
          """
          def not_zero(s: Tensor) -> Tensor:
              return torch.ne(torch.detach(s), 0).to(s.dtype)
          """);
  private static final Kernel ZERO =
      Kernel.of(
          """
          def zero(x: Tensor) -> Tensor:
              return torch.zero_(x)
          """);

  private final List<? extends DenseDelta> deltas;
  private final List<NDArray> masks = new ArrayList<>();

  /** Creates masks of the entries that are not zero. */
  public Masks(List<? extends DenseDelta> deltas) {
    this.deltas = deltas;
    deltas.forEach(delta -> masks.add(Scope.release(NOT_ZERO.call(delta.delta().value()))));
  }

  /** The masks by name, for checkpoints. */
  public Map<String, NDArray> state() {
    Map<String, NDArray> state = new LinkedHashMap<>();
    for (int i = 0; i < masks.size(); i++) {
      state.put(i + ".mask", masks.get(i));
    }
    return state;
  }

  /** Sets the gradients of entries outside the masks to zero. */
  public void apply(Step step) {
    for (int i = 0; i < masks.size(); i++) {
      NDArray gradient = step.gradient(deltas.get(i).delta());
      if (gradient != null) {
        MULTIPLY.call(gradient, masks.get(i)).close();
      }
    }
  }

  /** Sets the entries outside the masks to zero. */
  public void apply() {
    for (int i = 0; i < masks.size(); i++) {
      MULTIPLY.call(deltas.get(i).delta().value(), masks.get(i)).close();
    }
  }

  /** Adds the k entries outside the masks whose values are the largest. */
  public void addLargest(long k) {
    Map<String, Supplier<float[]>> changes = new LinkedHashMap<>();
    for (int i = 0; i < masks.size(); i++) {
      NDArray mask = masks.get(i);
      NDArray delta = deltas.get(i).delta().value();
      changes.put(deltas.get(i).site().name(), () -> freeChanges(delta, mask));
    }
    Map<String, int[]> chosen = Largest.of(changes, k);
    for (int i = 0; i < masks.size(); i++) {
      int[] places = chosen.get(deltas.get(i).site().name());
      if (places != null) {
        add(masks.get(i), places);
      }
    }
  }

  /** The absolute changes; 0 for entries of the mask. */
  private static float[] freeChanges(NDArray delta, NDArray mask) {
    float[] changes = Tensors.floats(delta);
    float[] masked = Tensors.floats(mask);
    for (int i = 0; i < changes.length; i++) {
      changes[i] = masked[i] == 1 ? 0 : Math.abs(changes[i]);
    }
    return changes;
  }

  private static void add(NDArray mask, int... places) {
    float[] values = Tensors.floats(mask);
    for (int place : places) {
      values[place] = 1;
    }
    try (NDArray now = mask.getManager().create(values, mask.getShape())) {
      Tensors.copy(mask, now);
    }
  }

  /** Removes all entries. */
  public void clear() {
    masks.forEach(mask -> ZERO.call(mask).close());
  }

  /** Sets what the optimizer knows of tensors to zero, as if it were new. */
  public static void forget(Step step, List<Trainable> tensors) {
    tensors.forEach(
        tensor -> step.moments(tensor).values().forEach(array -> ZERO.call(array).close()));
  }

  @Override
  public void close() {
    masks.forEach(NDArray::close);
  }
}
