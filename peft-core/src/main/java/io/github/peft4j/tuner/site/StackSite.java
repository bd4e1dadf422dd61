package io.github.peft4j.tuner.site;

import ai.djl.ndarray.NDArray;
import io.github.peft4j.tuner.ArrayRows;
import io.github.peft4j.tuner.Computation;
import io.github.peft4j.tuner.Joining;
import io.github.peft4j.tuner.Splitting;

/**
 * All layers of a stack: embedded tokens (B, n + T, D) to the stack's output, with the states
 * between the layers. A method may read these states and give the stack another output.
 *
 * <p>The layers are segments of the pass's tape. A method that adds trained computations after them
 * runs these as segments too, see {@link io.github.peft4j.kernel.Tape#segment}. There is no
 * backward pass through the layers then: their states are constants, unless another adapter trains
 * in them. {@link io.github.peft4j.kernel.Tape#share} of a state is right in both cases.
 */
public final class StackSite extends Site<NDArray, StackStates> {

  private final int layers;
  private final long dimension;
  private final Narrowing narrowing;

  /**
   * Creates a site.
   *
   * @param name the stack's name
   * @param layers the number of layers, L
   * @param dimension the hidden size D
   * @param stack the frozen layers, final norm and projection
   * @param narrowing see {@link #narrowing}
   */
  public StackSite(
      String name,
      int layers,
      long dimension,
      Computation<NDArray, StackStates> stack,
      Narrowing narrowing) {
    super(name, stack);
    this.layers = layers;
    this.dimension = dimension;
    this.narrowing = narrowing;
  }

  /** The number of layers, L. */
  public int layers() {
    return layers;
  }

  /** The hidden size D. */
  public long dimension() {
    return dimension;
  }

  /** Makes layers like those of the stack, but narrower. */
  public Narrowing narrowing() {
    return narrowing;
  }

  @Override
  public Splitting<NDArray> inputs() {
    return ArrayRows.INSTANCE;
  }

  @Override
  public Joining<StackStates> outputs() {
    return StackStates.ROWS;
  }
}
