package io.github.peft4j.tuner.site;

/**
 * The positions of a sequence.
 *
 * @param past number of positions that a cache holds already
 * @param shift added to every position, for example the length of a prefix
 * @param keyOffset added to the positions of keys only; 0 unless a stack has relative positions
 */
public record Positions(long past, long shift, long keyOffset) {

  /** The positions after a cache. */
  static Positions after(long past) {
    return new Positions(past, 0, 0);
  }

  /** The position of the first vector. */
  public long start() {
    return past + shift;
  }

  Positions shifted(long n) {
    return new Positions(past, shift + n, keyOffset);
  }

  Positions keysShifted(long n) {
    return new Positions(past, shift, keyOffset + n);
  }
}
