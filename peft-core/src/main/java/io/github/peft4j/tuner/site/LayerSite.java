package io.github.peft4j.tuner.site;

import ai.djl.ndarray.NDArray;
import io.github.peft4j.tuner.Computation;

/**
 * A whole layer of a stack, (B, n + T, D) → (B, n + T, D) with n virtual tokens. A method may
 * change the hidden states that enter the layer or those that leave it.
 */
public final class LayerSite extends ArraySite {

  private final Place place;

  /**
   * Where a layer is.
   *
   * @param stack the stack's name
   * @param index of the layer in its stack, from 0. A layer that a stack repeats has one index
   * @param dimension the hidden size D
   */
  public record Place(String stack, int index, long dimension) {}

  /**
   * Creates a site.
   *
   * @param name the layer's module, such as {@code model.layers.0}
   * @param layer the frozen layer
   */
  public LayerSite(String name, Place place, Computation<NDArray, NDArray> layer) {
    super(name, layer);
    this.place = place;
  }

  /** Where the layer is. */
  public Place place() {
    return place;
  }
}
