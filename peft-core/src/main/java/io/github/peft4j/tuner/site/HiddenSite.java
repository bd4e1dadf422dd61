package io.github.peft4j.tuner.site;

/**
 * The hidden states at one of a model's two ends, (…, D) → (…, D). The frozen model passes them on
 * as they are; a rewrite may move them into another space at the entrance and back at the exit.
 */
public final class HiddenSite extends ArraySite {

  /** Which end. */
  public enum Kind {
    /** What a stack's first layer reads: embedded tokens (B, n + T, D), positions in them. */
    FIRST,
    /** What a language model's output layer reads, (…, D). */
    LAST
  }

  private final Kind kind;
  private final String stack;
  private final long dimension;

  /**
   * Creates a site.
   *
   * @param stack name of the stack that it belongs to; of the last one's head empty
   * @param dimension D
   */
  public HiddenSite(String name, Kind kind, String stack, long dimension) {
    super(name, (x, context) -> x);
    this.kind = kind;
    this.stack = stack;
    this.dimension = dimension;
  }

  /** Which end. */
  public Kind kind() {
    return kind;
  }

  /** The name of the stack that the states enter, or empty at the exit. */
  public String stack() {
    return stack;
  }

  /** D. */
  public long dimension() {
    return dimension;
  }
}
