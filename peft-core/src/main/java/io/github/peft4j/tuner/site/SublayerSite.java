package io.github.peft4j.tuner.site;

import ai.djl.ndarray.NDArray;
import io.github.peft4j.tuner.ArrayRows;
import io.github.peft4j.tuner.Computation;
import io.github.peft4j.tuner.Joining;
import io.github.peft4j.tuner.Rows;
import io.github.peft4j.tuner.Splitting;
import java.util.List;

/**
 * One residual branch of a layer, attention or feed-forward: (B, T, D) → (B, T, D). A serial
 * adapter transforms the output; a parallel adapter adds its own function of the input.
 */
public final class SublayerSite extends Site<SublayerSite.Input, NDArray> {

  /** The kinds of branches. */
  public enum Kind {
    /** Self-attention. */
    ATTENTION,
    /** Attention over an encoder's output. */
    CROSS_ATTENTION,
    /** The feed-forward network. */
    FEED_FORWARD
  }

  private final Kind kind;
  private final String stack;
  private final int layer;
  private final long dimension;
  private final String layerName;
  private final List<String> norms;

  /**
   * Creates a site.
   *
   * @param stack the stack's name
   * @param layer index in its stack, from 0
   * @param layerName the name of the layer's module
   * @param norms see {@link #norms}
   * @param dimension D
   */
  public SublayerSite(
      String name,
      Kind kind,
      String stack,
      int layer,
      String layerName,
      List<String> norms,
      long dimension) {
    super(name, (input, context) -> input.function().forward(input.hidden(), context));
    this.kind = kind;
    this.stack = stack;
    this.layer = layer;
    this.dimension = dimension;
    this.layerName = layerName;
    this.norms = List.copyOf(norms);
  }

  /** The kind of this branch. */
  public Kind kind() {
    return kind;
  }

  /** The stack's name. */
  public String stack() {
    return stack;
  }

  /** The layer's index in its stack, from 0. */
  public int layer() {
    return layer;
  }

  /** The name of the layer's module, such as {@code bert.encoder.layer.0}. */
  public String layerName() {
    return layerName;
  }

  /**
   * The names of the norms around the branch, such as {@code
   * model.decoder.layers.0.encoder_attn_layer_norm}. Branches may share a norm.
   */
  public List<String> norms() {
    return norms;
  }

  /** The hidden size D. */
  public long dimension() {
    return dimension;
  }

  @Override
  public Splitting<Input> inputs() {
    return Input.ROWS;
  }

  @Override
  public Joining<NDArray> outputs() {
    return ArrayRows.INSTANCE;
  }

  /**
   * The input of a branch.
   *
   * @param hidden the branch's input (B, T, D), normalised if the family normalises first
   * @param residual the residual stream, to which the branch's output is added (B, T, D)
   * @param function the branch itself
   * @param norm the family's norm of the sum of stream and output; the identity if it has none
   */
  public record Input(
      NDArray hidden,
      NDArray residual,
      Computation<NDArray, NDArray> function,
      Computation<NDArray, NDArray> norm) {

    private static final Splitting<Input> ROWS =
        new Splitting<>() {
          @Override
          public long rows(Input input) {
            return input.hidden.getShape().get(0);
          }

          @Override
          public Input select(Input input, Rows rows) {
            return new Input(
                ArrayRows.INSTANCE.select(input.hidden, rows),
                ArrayRows.INSTANCE.select(input.residual, rows),
                input.function,
                input.norm);
          }
        };
  }
}
