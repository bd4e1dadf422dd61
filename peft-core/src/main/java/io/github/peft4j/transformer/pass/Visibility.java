package io.github.peft4j.transformer.pass;

import ai.djl.ndarray.NDArray;
import ai.djl.ndarray.types.Shape;
import io.github.peft4j.kernel.Scope;
import java.util.HashMap;
import java.util.Map;
import org.jspecify.annotations.Nullable;

/**
 * Which keys the T queries of a stack see. The mask must leave a key. In a causal stack, the key
 * must not come after the query. In a layer with a window, it must be near the query.
 *
 * <p>PyTorch's attention is fastest without a bias, so there is one only where it is needed.
 */
final class Visibility implements AutoCloseable {

  private final @Nullable NDArray mask;
  private final boolean causal;
  private final long queries;
  private final long past;
  private final Map<Integer, NDArray> biases = new HashMap<>();

  /**
   * Creates the visibility of a sequence.
   *
   * @param mask (B, past + T), 1 for keys that are seen, or null; the caller keeps it alive
   * @param queries T
   * @param past number of keys before the queries
   */
  Visibility(@Nullable NDArray mask, boolean causal, long queries, long past) {
    this.mask = mask;
    this.causal = causal;
    this.queries = queries;
    this.past = past;
  }

  private boolean isWithin(int window) {
    return past + queries <= window;
  }

  /** Whether plain causal attention, without a bias, is right for a layer. */
  boolean isPlainlyCausal(int window) {
    return causal && mask == null && past == 0 && queries > 1 && isWithin(window);
  }

  /**
   * The bias of a layer, (B or 1, 1, T or 1, S), or null if none is needed.
   *
   * @param x the hidden states (B, T, D)
   * @param window see {@link Masks#bias}
   */
  @Nullable NDArray bias(NDArray x, int window) {
    boolean free = mask == null && isWithin(window) && (!causal || past == 0 || queries == 1);
    return free ? null : explicit(x, window);
  }

  /** The same, but all zeros where no bias is needed. */
  NDArray explicit(NDArray x, int window) {
    int key = isWithin(window) ? Integer.MAX_VALUE : window;
    NDArray present = biases.get(key);
    if (present == null) {
      present = make(x, key);
      biases.put(key, present);
    }
    return present;
  }

  private NDArray make(NDArray x, int window) {
    if (mask != null) {
      return Scope.release(Masks.bias(x, mask, causal, window));
    }
    try (NDArray ones = x.getManager().ones(new Shape(1, past + queries))) {
      return Scope.release(Masks.bias(x, ones, causal, window));
    }
  }

  @Override
  public void close() {
    biases.values().forEach(NDArray::close);
    biases.clear();
  }
}
