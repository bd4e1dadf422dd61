package io.github.peft4j.transformer.pass;

import ai.djl.ndarray.NDArray;
import ai.djl.ndarray.types.Shape;
import io.github.peft4j.kernel.Scope;
import io.github.peft4j.kernel.Tensors;
import io.github.peft4j.tuner.site.AttentionSite;
import java.util.HashMap;
import java.util.Map;
import org.jspecify.annotations.Nullable;

/**
 * Which keys the T queries of a stack see: those that the mask leaves, in a causal stack those up
 * to the query itself, and in a layer with a window those near the query.
 *
 * <p>PyTorch's attention is fastest without a bias, so there is one only where it is needed.
 */
final class Visibility implements AutoCloseable {

  private final @Nullable NDArray mask;
  private final boolean causal;
  private final long queries;
  private final long past;
  private final boolean leftPadded;
  private @Nullable NDArray padding;
  private final Map<Integer, NDArray> biases = new HashMap<>();

  /**
   * Creates the visibility of a sequence.
   *
   * @param mask (B, past + T), 1 for keys that are seen, or null; the caller keeps it alive
   * @param queries T
   * @param past number of keys before the queries
   * @param leftPadded whether padding is no distance, so that a row sees what it sees alone
   */
  Visibility(@Nullable NDArray mask, boolean causal, long queries, long past, boolean leftPadded) {
    this.mask = mask;
    this.causal = causal;
    this.queries = queries;
    this.past = past;
    this.leftPadded = leftPadded;
  }

  private boolean isWithin(int window) {
    return past + queries <= window;
  }

  /** See {@link Pass#window}; a stack that is not causal looks to both sides. */
  AttentionSite.@Nullable Window window(int window) {
    if (!causal || window == Integer.MAX_VALUE) {
      return null;
    }
    NDArray present = padding;
    if (present == null) {
      present = Scope.release(mask != null && leftPadded ? Masks.padding(mask) : Tensors.scalar(0));
      padding = present;
    }
    return new AttentionSite.Window(window, present);
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

  /** The same, all zeros where none is needed. */
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
      return Scope.release(Masks.bias(x, mask, causal, window, leftPadded));
    }
    try (NDArray ones = x.getManager().ones(new Shape(1, past + queries))) {
      return Scope.release(Masks.bias(x, ones, causal, window, false));
    }
  }

  @Override
  public void close() {
    biases.values().forEach(NDArray::close);
    biases.clear();
    if (padding != null) {
      padding.close();
      padding = null;
    }
  }
}
