package io.github.peft4j.transformer.family;

import org.jspecify.annotations.Nullable;

/**
 * The names of the norms around a residual branch f, relative to the layer: out(x + after(f(before(
 * x)))). Null for no norm.
 */
public record BranchSpec(@Nullable String before, @Nullable String after, @Nullable String out) {

  /** No norms. */
  public static final BranchSpec NONE = new BranchSpec(null, null, null);

  /** before: Llama, GPT-2, T5. */
  public static BranchSpec before(String norm) {
    return new BranchSpec(norm, null, null);
  }

  /** out: BERT. */
  public static BranchSpec out(String norm) {
    return new BranchSpec(null, null, norm);
  }

  /** after: OLMo 2. */
  public static BranchSpec after(String norm) {
    return new BranchSpec(null, norm, null);
  }

  /** before and after: Gemma 2. */
  public static BranchSpec around(String before, String after) {
    return new BranchSpec(before, after, null);
  }
}
