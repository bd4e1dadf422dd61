package io.github.peft4j.transformer.family;

import io.github.peft4j.transformer.block.QueryKeyValue.Fused;
import io.github.peft4j.transformer.rope.RopeSpec;
import io.github.peft4j.withers.Withers;
import java.util.List;
import org.jspecify.annotations.Nullable;

/**
 * One attention of a layer.
 *
 * @param module name of the projections' parent module, relative to the layer
 * @param projections names of the query, key and value projections, or of one fused projection,
 *     relative to the module
 * @param fused the order of a fused projection's rows
 * @param output name of the output projection, relative to the layer
 * @param branch the norms around
 * @param bias whether the projections of queries, keys and values have a bias
 * @param outputBias whether the output projection has a bias
 * @param norms of queries and keys, or null
 * @param rope rotary positions, or null
 * @param disentangled terms of the scores by relative positions, or null
 * @param scale factor of the scores; null for 1/√d
 * @param cap scores become cap · tanh(scores / cap); null for no cap
 * @param window number of keys that a causal query sees, itself included; in a stack that is not
 *     causal, the largest distance of a key on both sides; null for no window
 * @param dropout probability with which an attention weight is dropped in training
 */
@Withers
public record AttentionSpec(
    String module,
    List<String> projections,
    Fused fused,
    String output,
    BranchSpec branch,
    boolean bias,
    boolean outputBias,
    @Nullable Norms norms,
    @Nullable RopeSpec rope,
    @Nullable DisentangledSpec disentangled,
    @Nullable Double scale,
    @Nullable Double cap,
    @Nullable Integer window,
    double dropout)
    implements AttentionSpecWithers {

  /**
   * The norms of queries and keys.
   *
   * @param query name, relative to the module
   * @param key name, relative to the module
   * @param wholeProjection whether a norm is over all heads together, and not over each head
   */
  public record Norms(String query, String key, boolean wholeProjection) {}

  /**
   * Attention with biases and without positions, windows and dropout.
   *
   * @param projections names of three projections, or of one that is {@code CONCATENATED}
   */
  public static AttentionSpec of(
      String module, List<String> projections, String output, BranchSpec branch) {
    return new AttentionSpec(
        module,
        projections,
        Fused.CONCATENATED,
        output,
        branch,
        true,
        true,
        null,
        null,
        null,
        null,
        null,
        null,
        0);
  }

  /** A copy with or without biases in all projections. */
  public AttentionSpec biases(boolean all) {
    return bias(all).outputBias(all);
  }
}
