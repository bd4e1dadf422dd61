package io.github.peft4j.transformer.family;

/** What is added to the attention scores of all layers of a stack, by positions. */
public sealed interface ScoreBiasSpec {

  /**
   * T5's relative positions.
   *
   * @param table full name
   * @param buckets its length
   * @param farthest the distance from which all share a bucket
   * @param bothWays whether keys after the query have buckets of their own
   */
  record Relative(String table, int buckets, int farthest, boolean bothWays)
      implements ScoreBiasSpec {}

  /**
   * ALiBi (Press et al. 2021, arXiv:2108.12409).
   *
   * @param scale factor of the biases
   * @param isRounded whether they are rounded to bfloat16, as Falcon has them
   */
  record Alibi(double scale, boolean isRounded) implements ScoreBiasSpec {}
}
