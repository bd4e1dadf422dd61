package io.github.peft4j.transformer.family;

import org.jspecify.annotations.Nullable;

/**
 * The names of the norms around a residual branch f, relative to the layer: out(x + after(f(before(
 * x)))). Null for no norm.
 *
 * @param residualAfterNorm whether before(x) is added instead of x, which only BLOOM has
 */
public record BranchSpec(
    @Nullable String before,
    @Nullable String after,
    @Nullable String out,
    boolean residualAfterNorm) {

  /** No norms. */
  public static final BranchSpec NONE = new BranchSpec(null, null, null, false);

  /** before: Llama, GPT-2, T5. */
  public static BranchSpec before(String norm) {
    return new BranchSpec(norm, null, null, false);
  }

  /** out: BERT. */
  public static BranchSpec out(String norm) {
    return new BranchSpec(null, null, norm, false);
  }

  /** after: OLMo 2. */
  public static BranchSpec after(String norm) {
    return new BranchSpec(null, norm, null, false);
  }

  /** before and after: Gemma 2. */
  public static BranchSpec around(String before, String after) {
    return new BranchSpec(before, after, null, false);
  }

  /** A copy to which before(x) is added, or x. */
  public BranchSpec residualAfterNorm(boolean residualAfterNorm) {
    return new BranchSpec(before, after, out, residualAfterNorm);
  }
}
