package io.github.peft4j.transformer.head;

import ai.djl.ndarray.NDArray;
import io.github.peft4j.transformer.block.NamedBlock;
import io.github.peft4j.tuner.ForwardContext;
import java.util.List;
import java.util.function.BiFunction;

/**
 * What a head computes between the states that it reads and its output map, such as dropout, a
 * linear map and an activation function: (…, D) → (…, E).
 *
 * @param parts the blocks that are used
 */
public record HeadSteps(
    List<NamedBlock> parts, BiFunction<NDArray, ForwardContext, NDArray> function) {

  /** No steps. */
  public static final HeadSteps NONE = new HeadSteps(List.of(), (x, context) -> x);

  NDArray apply(NDArray x, ForwardContext context) {
    return function.apply(x, context);
  }
}
