package io.github.peft4j.transformer.family;

import io.github.peft4j.transformer.block.AbsolutePositions.Counting;

/** Vectors that are added to those of tokens, by position. */
public sealed interface PositionSpec {

  /** The number of positions that a text may have. */
  long limit();

  /**
   * A learned table.
   *
   * @param table full name
   * @param entries number of vectors
   * @param offset index of the first token's vector
   * @param counting which tokens count
   */
  record Learned(String table, int entries, int offset, Counting counting) implements PositionSpec {
    @Override
    public long limit() {
      return (long) entries - offset;
    }
  }

  /**
   * Sines in the first half of the dimensions, cosines in the second (Marian; Vaswani et al. 2017).
   *
   * @param table full name of a table that counts instead, if the checkpoint has it
   * @param entries number of positions
   */
  record Sinusoidal(String table, int entries) implements PositionSpec {
    @Override
    public long limit() {
      return entries;
    }
  }
}
