package io.github.peft4j.chat.python;

/**
 * What one rendering may cost: steps, the length of a text, and the depth of values and calls. Each
 * evaluated node is a step; values cost more by their size.
 */
public final class Budget {

  /** The nesting of evaluations, and of values in values, that does not overflow a small stack. */
  public static final int DEPTH = 400;

  private static final long STEPS = 5_000_000;
  private static final int TEXT = 1 << 22;
  private static final int CHARACTERS_A_STEP = 16;

  private final long most;
  private final long longest;
  private long steps;
  private int depth;

  /**
   * A budget for some input.
   *
   * @param characters the length of all texts of the input: the allowance grows with it
   */
  public Budget(long characters) {
    most = STEPS + 64 * characters;
    longest = TEXT + 16 * characters;
  }

  /** Takes steps off the budget. */
  public void spend(long cost) {
    steps += cost;
    if (steps > most) {
      throw new PythonException(
          "the template takes more than %,d steps for this conversation".formatted(most));
    }
  }

  /** Takes the cost of reading or making a value off the budget. */
  public void spendOn(Object value) {
    spend(Sequences.weight(value));
  }

  /** Takes the cost of characters off the budget, before a text of this length is made. */
  public void requireLength(long characters) {
    if (characters > longest) {
      throw new PythonException(
          "a text of %,d characters; at most %,d are allowed".formatted(characters, longest));
    }
    spend(characters / CHARACTERS_A_STEP);
  }

  /** The text that was built, if it is not too long. */
  public String text(StringBuilder built) {
    requireLength(built.length());
    return built.toString();
  }

  /** Adds to a text that is being built. */
  public void append(String more, StringBuilder built) {
    spend(more.length() / CHARACTERS_A_STEP);
    built.append(more);
    check(built);
  }

  /** Checks a text that is being built. */
  void check(StringBuilder built) {
    spend(1);
    if (built.length() > longest) {
      requireLength(built.length());
    }
  }

  /** Begins something nested. */
  public void enter() {
    if (++depth > DEPTH) {
      depth = 0;
      throw new PythonException("calls or values are nested more than %d deep".formatted(DEPTH));
    }
  }

  /** Ends something nested. */
  public void leave() {
    depth--;
  }
}
