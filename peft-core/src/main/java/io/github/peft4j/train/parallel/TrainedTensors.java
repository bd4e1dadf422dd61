package io.github.peft4j.train.parallel;

import ai.djl.ndarray.NDArray;
import ai.djl.ndarray.NDList;
import io.github.peft4j.adapter.Adapter;
import io.github.peft4j.kernel.BoundKernel;
import io.github.peft4j.kernel.Kernel;
import io.github.peft4j.kernel.Scope;
import io.github.peft4j.kernel.Tensors;
import io.github.peft4j.train.optimizer.Update;
import io.github.peft4j.tuner.Trainable;
import java.nio.FloatBuffer;
import java.util.Arrays;
import java.util.Collections;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Objects;

/** The tensors that a step of a training changes, by name. */
public final class TrainedTensors implements AutoCloseable {

  private static final Kernel LARGEST_NORM =
      Kernel.of(
          """
          def largest_norm(p: List[Tensor], order: float) -> Tensor:     # of any device
              norms = annotate(List[Tensor], [])
              for n in torch._foreach_norm(p, order):
                  _ = torch.append(norms, torch.to(n, p[0].device, n.dtype, False, False))
              return torch.max(torch.stack(norms))
          """);

  private final Map<String, NDArray> adapter = new LinkedHashMap<>();
  private final Map<String, NDArray> all;
  private final BoundKernel largestNorm;

  TrainedTensors(Adapter trained, Update update) {
    List<Trainable> trainables = trained.trainables();
    for (int i = 0; i < trainables.size(); i++) {
      adapter.put(i + ".parameter", trainables.get(i).value());
    }
    largestNorm = LARGEST_NORM.bind(new NDList(adapter.values()));
    all = new LinkedHashMap<>(adapter);
    all.putAll(update.optimizer().state());
    update
        .listener()
        .state()
        .forEach(
            (name, array) -> {
              all.put("method." + name, array);
              adapter.put("method." + name, array);
            });
  }

  /** The adapter's tensors, the optimizer's moments, and the buffers of the adapter's method. */
  public Map<String, NDArray> all() {
    return Collections.unmodifiableMap(all);
  }

  /**
   * Whether every element of the adapter's trainable tensors is finite. The 2-norm is checked
   * first, because it is much faster; its squares may overflow.
   */
  public boolean areFinite() {
    return isFinite(2) || isFinite(Double.POSITIVE_INFINITY);
  }

  private boolean isFinite(double order) {
    try (Scope scope = new Scope()) {
      return Double.isFinite(Tensors.floats(largestNorm.call(order))[0]);
    }
  }

  /** A copy of the adapter's tensors and of its method's buffers, in Java's memory. */
  public Map<String, float[]> copy() {
    Map<String, float[]> values = new LinkedHashMap<>();
    adapter.forEach((name, tensor) -> values.put(name, Tensors.floats(tensor)));
    return values;
  }

  /** Sets the tensors to values that {@link #copy} returned. */
  public void set(Map<String, float[]> values) {
    values.forEach(
        (name, numbers) -> set(Objects.requireNonNull(adapter.get(name), name), numbers));
  }

  /** Sets all tensors to the values that they have on another device. */
  void copyFrom(TrainedTensors others) {
    all.forEach(
        (name, tensor) -> Tensors.copy(tensor, Objects.requireNonNull(others.all.get(name), name)));
  }

  /** Whether all tensors have the values that they have on another device. */
  boolean isLike(TrainedTensors others) {
    return all.entrySet().stream()
        .allMatch(
            each -> isLike(each.getValue(), Objects.requireNonNull(others.all.get(each.getKey()))));
  }

  private static boolean isLike(NDArray tensor, NDArray other) {
    try (Scope scope = new Scope()) {
      return tensor.contentEquals(other.toDevice(tensor.getDevice(), false));
    }
  }

  /** All tensors, one after the other, in Java's memory. */
  float[] flat() {
    long size = all.values().stream().mapToLong(NDArray::size).sum();
    FloatBuffer flat = FloatBuffer.allocate(Math.toIntExact(size));
    all.values().forEach(tensor -> flat.put(Tensors.floats(tensor)));
    return flat.array();
  }

  /** Sets all tensors to values in the order of {@link #flat}. */
  void setFlat(float[] values) {
    int from = 0;
    for (NDArray tensor : all.values()) {
      int to = from + Math.toIntExact(tensor.size());
      set(tensor, Arrays.copyOfRange(values, from, to));
      from = to;
    }
  }

  private static void set(NDArray tensor, float[] numbers) {
    try (NDArray value = tensor.getManager().create(numbers, tensor.getShape())) {
      Tensors.copy(tensor, value);
    }
  }

  @Override
  public void close() {
    largestNorm.close();
  }
}
