package io.github.peft4j.tuner.site;

import ai.djl.ndarray.NDArray;
import ai.djl.ndarray.types.Shape;
import java.util.List;
import java.util.function.Function;

/** Makes layers like those of a stack, but narrower. */
@FunctionalInterface
public interface Narrowing {

  /**
   * A tensor of a narrower layer.
   *
   * @param name relative to the stack, such as {@code layers.0.self_attn.q_proj.weight}
   * @param counterpart the full name of the stack's own tensor
   * @param shape that of the narrower one
   */
  record Tensor(String name, String counterpart, Shape shape) {}

  /**
   * Makes layers.
   *
   * @param factor 2 or more; hidden states, heads and the feed-forward network have sizes divided
   *     by it, rounded down. The number of heads stays
   * @param chosen the layers that get a narrower one, by index from 0
   * @param tensors makes each tensor. It stays the caller's, who closes it after the layers
   * @throws IllegalArgumentException if the stack has no such layers; the message says why
   */
  NarrowLayers narrow(int factor, List<Integer> chosen, Function<Tensor, NDArray> tensors);
}
