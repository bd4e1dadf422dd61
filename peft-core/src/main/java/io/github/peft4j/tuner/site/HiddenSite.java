package io.github.peft4j.tuner.site;

/**
 * The hidden states before the first layer or after the last one, (…, D) → (…, D). The frozen
 * model's computation is the identity. A method may project the states into another space at the
 * start and back at the end.
 */
public final class HiddenSite extends ArraySite {

  /** The kinds of hidden sites. */
  public enum Kind {
    /** The input of a stack's first layer: embedded tokens (B, n + T, D) with their positions. */
    FIRST,
    /** The input of a language model's output layer, (…, D). */
    LAST
  }

  private final Kind kind;
  private final String stack;
  private final long dimension;

  /**
   * Creates a site.
   *
   * @param stack name of its stack; empty for {@link Kind#LAST}
   * @param dimension D
   */
  public HiddenSite(String name, Kind kind, String stack, long dimension) {
    super(name, (x, context) -> x);
    this.kind = kind;
    this.stack = stack;
    this.dimension = dimension;
  }

  /** The kind of this site. */
  public Kind kind() {
    return kind;
  }

  /** The name of the stack that the states enter; empty for {@link Kind#LAST}. */
  public String stack() {
    return stack;
  }

  /** The hidden size D. */
  public long dimension() {
    return dimension;
  }
}
